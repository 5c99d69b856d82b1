"""Labels of texts that may have several: cells as people write them to sets of class numbers.

A list of names or numbers, one cell of them with `|` between, or a column of 0 and 1 for each label. None at all is an
answer like any other.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from scripts.texts.label_cells import class_number, read_labels

BETWEEN = "|"


def read_sets(cells: Sequence[Any], classes: Sequence[str] | None) -> list[frozenset[int] | None]:
    """The labels that each cell stands for; None where it stands for none, or one of them is none of the classes.

    Args:
        cells: of one column: lists, or strings with `|` between labels, of which an empty one is no label.
        classes: names by number; None where no model is at hand, and any number from 0 up is one.
    """
    members = [members_of(cell) for cell in cells]
    known = iter(read_labels([each for cell in members for each in cell or ()], classes))
    found: list[frozenset[int] | None] = []
    for cell in members:
        numbers = list(islice(known, len(cell or ())))
        numbered = [number for number in numbers if number is not None]
        found.append(None if cell is None or len(numbered) < len(numbers) else frozenset(numbered))
    return found


def members_of(cell: Any) -> list[Any] | None:
    """The labels in a cell, each as it was written; None where it is no cell of labels."""
    if isinstance(cell, list):
        return None if any(isinstance(each, list | dict) or each is None for each in cell) else cell
    if isinstance(cell, str):
        return [each.strip() for each in cell.split(BETWEEN)] if cell.strip() else []
    return None if cell is None or isinstance(cell, bool | dict) else [cell]


def read_flags(rows: Sequence[Sequence[Any]], columns: Sequence[int]) -> list[frozenset[int] | None]:
    """The labels of rows that say of each label whether the text has it; None where a cell says neither.

    Args:
        rows: for each text a cell of each column: 0 or 1, or true or false.
        columns: for each column the number of its label.
    """
    return [_flagged(cells, columns) for cells in rows]


def _flagged(cells: Sequence[Any], columns: Sequence[int]) -> frozenset[int] | None:
    flags = [int(cell) if isinstance(cell, bool) else class_number(cell) for cell in cells]
    if any(flag not in (0, 1) for flag in flags):
        return None
    return frozenset(label for label, flag in zip(columns, flags, strict=True) if flag)
