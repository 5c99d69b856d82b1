"""Which columns of a file hold the texts, the labels and the clean twins: by the header, by number, or by place."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from scripts.console.errors import LabError
from scripts.texts.column_names import (
    CLEAN_NAMES,
    LABEL_NAMES,
    TEXT_NAMES,
    is_label_column,
    is_text_column,
    same_name,
)
from scripts.texts.label_cells import class_number
from scripts.texts.quoting import Record
from scripts.texts.records import Source, TextTable

WAY_OUT = "name them with --text-column and --label-column, by the header or by number from 1 up"

WITH_KEYS = ("jsonl", "parquet")
"""Formats that name their columns in any case."""

SHOWN_COLUMNS = 20
LONGEST_NAME = 40
"""Characters of a column's name that a message repeats."""


class Columns(NamedTuple):
    """Places in a row, from 0 up; None for a column that the file does not have."""

    text: int
    label: int | None
    clean: int | None
    pair: int | None
    """Of the second texts."""
    domain: int | None = None
    """Of the names of their domains."""
    flags: tuple[int, ...] = ()
    """Of the columns that say of one label each whether a text has it, in the order in which the user named them."""

    def places(self) -> list[int]:
        """Of all columns that are looked at, ascending."""
        own = (self.text, self.label, self.clean, self.pair, self.domain)
        return sorted({*self.flags, *(place for place in own if place is not None)})


def split_header(table: TextTable, source: Source) -> tuple[list[str] | None, list[Record]]:
    """The names of the columns, None where the file has no header, and the rows below.

    A file that the user calls lines of texts has none; one that merely looks like it may have one.

    Raises:
        LabError: the first row names columns, none of them one of texts that is known.
    """
    if not table.records or source.reading.format == "lines":
        return None, table.records
    first, rest = table.records[0], table.records[1:]
    names = [str(cell) for cell in first.cells]
    if table.format in WITH_KEYS or _names_wanted(names, source) or _is_header(names, source):
        return names, rest
    if any(map(is_label_column, names)) and source.reading.text_column is None and _may_be_names(names):
        raise LabError(
            f"{source.place(first)}: looks like a header, but no column has a name known for texts "
            f"({', '.join(TEXT_NAMES)}); {WAY_OUT}"
        )
    return None, table.records


def find_columns(header: Sequence[str] | None, n_columns: int, source: Source) -> Columns:
    """Where everything stands.

    Raises:
        LabError: a named column is not there, or there are more columns than can be told apart.
    """
    text = _wanted(source.reading.text_column, "--text-column", header, n_columns, source)
    label = _wanted(source.reading.label_column, "--label-column", header, n_columns, source)
    pair = _wanted(source.reading.pair_column, "--pair-column", header, n_columns, source)
    domain = _wanted(source.reading.by, "--by", header, n_columns, source)
    if flags := _flags(header, n_columns, source):
        text = _known(header or (), TEXT_NAMES) if text is None else text
        return Columns(_required(text, header, source), None, _known(header or (), CLEAN_NAMES), pair, domain, flags)
    if header is None:
        return _by_place(text, label, pair, n_columns, source)._replace(domain=domain)
    text = _known(header, TEXT_NAMES) if text is None else text
    label = _known(header, LABEL_NAMES) if label is None else label
    return Columns(_required(text, header, source), label, _known(header, CLEAN_NAMES), pair, domain)


def _required(text: int | None, header: Sequence[str] | None, source: Source) -> int:
    """The column of texts, which must be known."""
    if text is None:
        has = told_header(header) if header else "has no header"
        raise LabError(
            f"{source.name}: must have one column with a name known for texts ({', '.join(TEXT_NAMES)}), {has}; "
            f"{WAY_OUT}"
        )
    return text


def _flags(header: Sequence[str] | None, n_columns: int, source: Source) -> tuple[int, ...]:
    """The columns of single labels, where the user named some."""
    found = (_wanted(name, "--label-columns", header, n_columns, source) for name in source.reading.label_columns)
    return tuple(place for place in found if place is not None)


def told_header(header: Sequence[str]) -> str:
    """The columns that there are, for a message; what is too long for a name may be a text, and is not told."""
    shown = [repr(name) for name in header[:SHOWN_COLUMNS] if len(name) <= LONGEST_NAME]
    more = len(header) - len(shown)
    return f"has columns named {', '.join(shown)}" + (f" and {more} more" if more else "")


def refuse_numbers(texts: Sequence[Any], columns: Columns, source: Source) -> None:
    """Raise where what was taken for texts, which nobody said, are numbers."""
    if source.reading.text_column is None and texts and all(class_number(text) is not None for text in texts):
        raise LabError(f"{source.name}: column {columns.text + 1} holds numbers, not texts; {WAY_OUT}")


def _by_place(text: int | None, label: int | None, pair: int | None, n_columns: int, source: Source) -> Columns:
    """Without a header: texts, texts and labels, or attacked texts, labels and clean twins, in this order."""
    is_said = any(each is not None for each in (text, label, pair, source.reading.by))
    if not is_said and n_columns <= 2 + source.n_optional:
        return Columns(0, 1 if n_columns > 1 else None, 2 if n_columns > 2 else None, None, None)
    if n_columns == 2 and pair is None and source.reading.by is None:
        text = 1 - (label or 0) if text is None else text
        label = 1 - text if label is None else label
    if text is None:
        raise LabError(f"{source.name}: has {n_columns} columns and no header that is known; {WAY_OUT}")
    return Columns(text, label, None, pair, None)


def _names_wanted(names: Sequence[str], source: Source) -> bool:
    """Whether a row holds a name that the user gave for a column."""
    reading = source.reading
    named = (reading.text_column, reading.label_column, reading.pair_column, reading.by, *reading.label_columns)
    wanted = [column for column in named if column]
    keys = [same_name(name) for name in names]
    return any(same_name(column) in keys for column in wanted if not column.isdecimal())


def _is_header(names: Sequence[str], source: Source) -> bool:
    """Whether a row names a column of texts, and no cell of it is a label."""
    classes = {same_name(name) for name in source.classes or ()}
    is_labeled = len(names) == 2 and same_name(names[1]) in classes and not is_label_column(names[1])
    return any(map(is_text_column, names)) and _may_be_names(names) and not is_labeled


def _may_be_names(names: Sequence[str]) -> bool:
    return all(class_number(name) is None for name in names)


def _wanted(
    column: str | None, option: str, header: Sequence[str] | None, n_columns: int, source: Source
) -> int | None:
    """The place of a column that the user named; names go before numbers."""
    if column is None:
        return None
    keys = [same_name(name) for name in header or ()]
    if keys.count(same_name(column)) == 1:
        return keys.index(same_name(column))
    if column.isdecimal() and 1 <= int(column) <= n_columns:
        return int(column) - 1
    has = told_header(header) if header else f"has {n_columns} column(s) and no such header"
    raise LabError(f"{source.name}: {option} must be one of its columns, is {column!r}; it {has}")


def _known(header: Sequence[str], names: Sequence[str]) -> int | None:
    """The one column with a known name; this project's own name, the first one, goes before all others."""
    places = [place for place, name in enumerate(header) if same_name(name) in names]
    own = [place for place in places if same_name(header[place]) == names[0]]
    found = own or places
    return found[0] if len(found) == 1 else None
