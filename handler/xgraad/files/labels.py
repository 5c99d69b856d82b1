"""The labels that config.json names: keys of every reply, so numbered without gaps, each once, valid Unicode."""

from typing import Any

from handler.xgraad.errors import CheckpointError, shown
from handler.xgraad.files.config_json.value_rule import whole

RULE = "config.json: id2label must give each class from 0 on a name of its own"
N_CLASSES = whole(2, 1 << 16)


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
