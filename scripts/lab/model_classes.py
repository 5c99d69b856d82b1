"""The names of a checkpoint's classes, read before anything is loaded."""

import json
from pathlib import Path
from typing import Any


def model_classes(checkpoint: Path) -> tuple[str, ...] | None:
    """Names by class number, as config.json has them.

    None where it does not tell: what is wrong with it, loading says better.
    """
    try:
        config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return _names(config) if isinstance(config, dict) else None


MOST = 10_000
"""Classes without names; a larger number in config.json is a mistake."""


def _names(config: dict[str, Any]) -> tuple[str, ...] | None:
    names = config.get("id2label")
    if names is None:
        count = config.get("num_labels", 2)
        return tuple(f"LABEL_{number}" for number in range(count)) if type(count) is int and 0 < count <= MOST else None
    numbers = [str(number) for number in range(len(names))] if isinstance(names, dict) else []
    return tuple(str(names[number]) for number in numbers) if numbers and set(numbers) == set(names) else None
