"""Labels as people write them, class numbers or names, to the numbers of a model's classes."""

import re
from collections.abc import Sequence
from typing import Any

NUMBER = re.compile(r"([0-9]+)(?:\.0*)?")
"""Whole numbers; tools that read a column with gaps write 1.0 for 1."""
SHOWN_CHARS = 24
SHOWN_CLASSES = 12


def read_labels(cells: Sequence[Any], classes: Sequence[str] | None) -> list[int | None]:
    """The class number that each cell stands for, None where it stands for none.

    Args:
        cells: of one column; they are all read as numbers or all as names, whichever fits more of them.
        classes: names by number; None where no model is at hand, and any number from 0 up is one.
    """
    numbers = [class_number(cell) for cell in cells]
    if classes is None:
        return numbers
    known = [number if number is not None and number < len(classes) else None for number in numbers]
    names = _by_name(classes)
    named = [names.get(_key(cell)) for cell in cells]
    return max(known, named, key=lambda labels: sum(label is not None for label in labels))


def are_ambiguous(cells: Sequence[Any], classes: Sequence[str] | None) -> bool:
    """Whether the cells are numbers of classes and, in another order, their names."""
    names = _by_name(classes or ())
    numbers = [class_number(cell) for cell in cells]
    named = [names.get(_key(cell)) for cell in cells]
    fits = all(number is not None and number < len(classes or ()) for number in numbers) and None not in named
    return fits and numbers != named


def class_number(cell: Any) -> int | None:
    """The whole number from 0 up that a cell holds."""
    found = NUMBER.fullmatch(_key(cell)) if not isinstance(cell, bool) else None
    return int(found[1]) if found else None


def listed(classes: Sequence[str]) -> str:
    """The classes for a message: numbers and names."""
    shown = [f"{number} {name}" for number, name in enumerate(classes[:SHOWN_CLASSES])]
    more = len(classes) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def told(cell: Any) -> str:
    """A label for a message; what is too long for one may be a text, and is not told."""
    if isinstance(cell, list | dict):
        return f"is a {type(cell).__name__}"
    label = "" if cell is None else str(cell)
    if not label.strip():
        return "missing"
    is_short = len(label) <= SHOWN_CHARS and len(label.split()) == 1
    return f"is {label!r}" if is_short else f"has {len(label)} characters"


def _by_name(classes: Sequence[str]) -> dict[str, int]:
    """Numbers by name without regard to capitals, as far as that leaves the names apart."""
    keys = [_key(name) for name in classes]
    return {key: number for number, key in enumerate(keys) if keys.count(key) == 1}


def _key(cell: Any) -> str:
    return str(cell).strip().casefold()
