"""The labels that config.json names: keys of every reply, so numbered without gaps, each once, valid Unicode.

It says as well whether a text gets one of them, or each is a decision of its own.
"""

from collections.abc import Mapping
from typing import Any

from handler.xgraad.errors import CheckpointError, shown
from handler.xgraad.files.config_json.value_rule import whole

RULE = "config.json: id2label must give each class from 0 on a name of its own"
MULTI_LABEL = "multi_label_classification"
"""`problem_type` of a model that may give a text several labels, or none: one sigmoid for each."""
SINGLE_LABEL = "single_label_classification"
N_CLASSES = whole(2, 1 << 16)


def has_several_labels(content: Mapping[str, Any]) -> bool:
    """Whether the content of a config.json is that of a model that may give a text several labels."""
    return content.get("problem_type") == MULTI_LABEL


def check_task(content: Mapping[str, Any], *, several_labels: bool) -> None:
    """Refuse a model that gives its outputs another meaning than whoever asks takes them for.

    Args:
        content: of config.json.
        several_labels: whether a model that may give a text several labels is wanted, and no other.

    Raises:
        CheckpointError: names the key, what it must be, and what it is.
    """
    task = content.get("problem_type")
    if several_labels and task != MULTI_LABEL:
        raise CheckpointError(
            f"config.json: problem_type must be {MULTI_LABEL} for a calibration of several labels, is {shown(task)}"
        )
    if not several_labels and task == MULTI_LABEL:
        raise CheckpointError(
            f"config.json: problem_type is {MULTI_LABEL}: several labels for a text; such models are calibrated, "
            "measured, packed and served, and what was asked for is made for one label"
        )
    if task not in (None, SINGLE_LABEL, MULTI_LABEL):
        raise CheckpointError(
            f"config.json: problem_type must be {SINGLE_LABEL} or {MULTI_LABEL}: labels for each text, is {shown(task)}"
        )


def check_labels(content: dict[str, Any]) -> None:
    """Refuse labels that no reply can carry, or that contradict one another.

    Raises:
        CheckpointError: names the key and what is wrong with it.
    """
    names = content.get("id2label")
    n_classes = content.get("num_labels", 2 if names is None else None)
    if "num_labels" in content and not N_CLASSES.holds(n_classes):
        raise CheckpointError(f"config.json: num_labels must be {N_CLASSES.words}, is {shown(n_classes)}")
    if names is None:
        return
    _check_names(names)
    if n_classes is not None and n_classes != len(names):
        raise CheckpointError(f"config.json: num_labels is {n_classes}, but id2label names {len(names)} classes")
    _check_way_back(names, content.get("label2id"))


def _check_names(names: Any) -> None:
    if not isinstance(names, dict) or set(names) != {str(number) for number in range(len(names))}:
        raise CheckpointError(RULE)
    if len(names) < 2:
        raise CheckpointError(
            f"config.json: id2label names {len(names)} class, so the model has one output: a score, not a choice "
            "between labels; only classifiers of two classes or more are served"
        )
    told = [str(name) for name in names.values()]
    if any(not isinstance(name, str | int) or isinstance(name, bool) for name in names.values()):
        raise CheckpointError(RULE)
    if len(set(told)) != len(told) or any(not _is_unicode(name) for name in told):
        raise CheckpointError(RULE)


def _check_way_back(names: dict[str, Any], numbers: Any) -> None:
    """label2id may be left at its default, but not give a named class another number."""
    if numbers is None:
        return
    if not isinstance(numbers, dict):
        raise CheckpointError("config.json: label2id must give each name of id2label its number, or be absent")
    for number, name in names.items():
        told = numbers.get(str(name), number)
        if str(told) != number:
            raise CheckpointError(
                f"config.json: id2label gives class {number} a name that label2id gives to {shown(told)}; "
                "remove the one that is wrong"
            )


def _is_unicode(text: str) -> bool:
    return text == text.encode("utf-8", "ignore").decode()
