"""Does a model give a text one label, or several of which each is a decision of its own? Its config.json says."""

from collections.abc import Mapping
from typing import Any

from handler.xgraad.errors import CheckpointError, shown

MULTI_LABEL = "multi_label_classification"
"""`problem_type` of a model that may give a text several labels, or none: one sigmoid for each."""
SINGLE_LABEL = "single_label_classification"


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
