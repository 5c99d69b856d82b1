"""The names of a checkpoint's classes, read before anything is loaded."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handler.xgraad.files.config_json.task import MULTI_LABEL, has_several_labels
from scripts.console.errors import LabError
from scripts.texts.label_cells import are_ambiguous, listed, read_labels, told


def model_classes(checkpoint: Path) -> tuple[str, ...] | None:
    """Names by class number, as config.json has them.

    None where it does not tell: what is wrong with it, loading says better.
    """
    try:
        return classes_in((checkpoint / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_multi_label(checkpoint: Path) -> bool:
    """Whether config.json says that a text may have several labels; what is wrong with it, loading says better."""
    try:
        config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and has_several_labels(config)


def require_single_label(checkpoint: Path, what: str) -> None:
    """Refuse a model that may give a text several labels.

    Raises:
        LabError: names what is not made for such models, and what is.
    """
    if is_multi_label(checkpoint):
        raise LabError(
            f"{checkpoint}: config.json says problem_type {MULTI_LABEL}, and {what} is made for one label a text; "
            "calibrate, evaluate_defense, build_archive and serve take such models"
        )


def classes_in(content: str) -> tuple[str, ...] | None:
    """The same of the content of a config.json."""
    try:
        config = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return _names(config) if isinstance(config, dict) else None


def class_named(label: str, classes: Sequence[str] | None, *, option: str) -> int:
    """The number of the class that a user names, by its name or number.

    Args:
        label: as it was typed.
        classes: names by number; None where config.json does not tell.
        option: where it was typed.

    Raises:
        LabError: it names none, or one by its number and another by its name.
    """
    number = read_labels([label], classes)[0]
    if number is None:
        raise LabError(f"{option} must be one of the model's classes ({listed(classes or ())}), {told(label)}")
    if are_ambiguous([label], classes):
        raise LabError(
            f"{option} {label}: is the number of one class and the name of another; name no class by a number"
        )
    return number


MOST = 10_000
"""Classes without names; a larger number in config.json is a mistake."""


def _names(config: dict[str, Any]) -> tuple[str, ...] | None:
    names = config.get("id2label")
    if names is None:
        count = config.get("num_labels", 2)
        return tuple(f"LABEL_{number}" for number in range(count)) if type(count) is int and 0 < count <= MOST else None
    numbers = [str(number) for number in range(len(names))] if isinstance(names, dict) else []
    return tuple(str(names[number]) for number in numbers) if numbers and set(numbers) == set(names) else None
