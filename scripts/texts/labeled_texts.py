"""Texts out of a file that a user names, with the labels and clean twins that stand beside them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from handler.xgraad.errors import TextError
from handler.xgraad.options import DOMAIN_NAME
from handler.xgraad.words.pair import join_pair
from handler.xgraad.words.text import lone_surrogate
from scripts.console.command_line import note
from scripts.console.errors import LabError
from scripts.texts.column_names import is_text_column
from scripts.texts.columns import WAY_OUT, Columns, find_columns, refuse_numbers, split_header, told_header
from scripts.texts.label_cells import are_ambiguous, class_number, listed, read_labels, told
from scripts.texts.label_sets import members_of, read_flags, read_sets
from scripts.texts.quoting import Record
from scripts.texts.records import Source, TextTable

Labels = Literal["needed", "where there", "unused"]
SAYS_SO = "config.json of such a model says problem_type multi_label_classification"


class LabeledText(NamedTuple):
    """One row of a file."""

    text: str
    """Never blank; of a pair both texts, as `join_pair` joins them."""
    label: int | None
    """Class number from 0 up; None where the file has none, or nobody needs it."""
    clean_text: str | None
    """The text before it was attacked; None where the file has none."""
    domain: str | None
    """The name of its domain; None where nobody asked for it."""
    label_set: frozenset[int] | None = None
    """Class numbers where a text may have several labels; None as for `label`."""


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """The rows of a file that hold a text, and what stands where."""

    source: Source
    header: Sequence[str] | None
    columns: Columns
    records: Sequence[Record]
    texts: Sequence[str]
    """Of the records."""

    def cells(self, column: int | None) -> list[Any]:
        """Of a column; None where a row does not have it."""
        return [
            record.cells[column] if column is not None and column < len(record.cells) else None
            for record in self.records
        ]


def labeled_texts(table: TextTable, source: Source, *, labels: Labels, many: bool = False) -> list[LabeledText]:
    """All texts of a file, in order; a note tells how many rows without one were skipped.

    Args:
        table: the file taken apart.
        source: where they come from, and how they are to be read.
        labels: whether a row must have one. Labels that are only used where they are there are left out, with a note,
            when they are not the model's.
        many: whether a text may have several labels, or none; they stand in `label_set` then.

    Raises:
        LabError: the rows cannot be read as texts, none holds one, or a label is none of the model's classes.
    """
    rows = _rows(table, source)
    clean, domains = rows.cells(rows.columns.clean), _domains(rows)
    found: list[Any] = [None] * len(rows.texts)
    if labels != "unused":
        found = (_label_sets if many else _labels)(rows, is_needed=labels == "needed")
    if many:
        return [LabeledText(text, None, *row) for text, *row in zip(rows.texts, clean, domains, found, strict=True)]
    return [LabeledText(*row) for row in zip(rows.texts, found, clean, domains, strict=True)]


def _rows(table: TextTable, source: Source) -> _Rows:
    """The rows with a text."""
    header, records = split_header(table, source)
    n_columns = max((len(record.cells) for record in table.records), default=1)
    columns = find_columns(header, n_columns, source)
    _note_lone_header(table, header, source)
    texts = [_whole(record, columns, source) for record in records]
    kept = [place for place, text in enumerate(texts) if text.strip()]
    if not kept:
        raise LabError(f"{source.name}: holds no rows with a text; one is the least")
    if n_blank := table.n_blank + len(texts) - len(kept):
        note(f"{source.name}: {n_blank} blank row(s) skipped")
    if header is None and n_columns > 1:
        refuse_numbers([texts[place] for place in kept], columns, source)
    return _Rows(
        source=source,
        header=header,
        columns=columns,
        records=[records[place] for place in kept],
        texts=[texts[place] for place in kept],
    )


def _note_lone_header(table: TextTable, header: Sequence[str] | None, source: Source) -> None:
    """One text a line needs no header, so that a first line such as "text" could be a text as well."""
    if table.format == "lines" and header is not None and is_text_column(header[0]):
        note(f"{source.place(table.records[0])}: {header[0]!r} is taken for a header, not for a text")


def _whole(record: Record, columns: Columns, source: Source) -> str:
    """The text of a row, or both of its pair; blank ones are left to the caller.

    Raises:
        LabError: a text is none; see `_text`.
    """
    text = _text(record, columns.text, source)
    if columns.pair is None:
        return text
    second = _text(record, columns.pair, source)
    try:
        return join_pair(text, second) if text.strip() and second.strip() else ""
    except TextError as error:
        raise LabError(f"{source.place(record)}: {error}") from error


def _text(record: Record, column: int, source: Source) -> str:
    """The text in one column of a row.

    Raises:
        LabError: it is no string, or one that no request can carry.
    """
    cell = record.cells[column] if column < len(record.cells) else None
    if not isinstance(cell, str):
        found = "missing; leave the row out" if cell is None else f"a {type(cell).__name__}"
        raise LabError(f"{source.place(record)}: the text must be a string, is {found}")
    place = lone_surrogate(cell)
    if place is not None:
        raise LabError(f"{source.place(record)}: character {place} of the text is a lone surrogate")
    return cell


def _domains(rows: _Rows) -> list[str | None]:
    """The name of each text's domain; None for all where nobody asked for them.

    Raises:
        LabError: a cell is no name; what it holds is not told, since it may be a text.
    """
    if rows.source.reading.by is None:
        return [None] * len(rows.records)
    names = [str(cell).strip() if isinstance(cell, str | int) else "" for cell in rows.cells(rows.columns.domain)]
    for name, record in zip(names, rows.records, strict=True):
        if not re.fullmatch(DOMAIN_NAME, name):
            rule = "40 letters, digits, dots, dashes and underscores at most, the first a letter or digit"
            raise LabError(f"{rows.source.place(record)}: the domain of --by must be a name: {rule}; rename it")
    return list(names)


def _labels(rows: _Rows, *, is_needed: bool) -> list[int | None]:
    """Of all rows."""
    source, column = rows.source, rows.columns.label
    if rows.columns.flags:
        raise LabError(f"{source.name}: --label-columns are for models that give a text several labels; {SAYS_SO}")
    if column is None:
        return _without_labels(rows, is_needed=is_needed)
    cells = rows.cells(column)
    if are_ambiguous(cells, source.classes):
        raise LabError(_ambiguous(source))
    labels = read_labels(cells, source.classes)
    empty = [not is_needed and _is_empty(cell) for cell in cells]
    wrong = [place for place, label in enumerate(labels) if label is None and not empty[place]]
    if not wrong:
        return labels
    if is_needed or (wrong == [0] and _may_be_header(rows, cells[0])):
        raise LabError(_misfit(rows, wrong[0], cells[wrong[0]]))
    note(f"{_misfit(rows, wrong[0], cells[wrong[0]])}; the labels of this file are not used")
    return [None] * len(labels)


def _label_sets(rows: _Rows, *, is_needed: bool) -> list[frozenset[int] | None]:
    """The same where a text may have several."""
    source, columns = rows.source, rows.columns
    if columns.flags:
        return _flags(rows)
    if columns.label is None:
        return _without_labels(rows, is_needed=is_needed)
    cells = rows.cells(columns.label)
    if are_ambiguous([each for cell in cells for each in members_of(cell) or ()], source.classes):
        raise LabError(_ambiguous(source))
    found = read_sets(cells, source.classes)
    wrong = [place for place, labels in enumerate(found) if labels is None]
    if not wrong:
        return found
    said = _misfit(rows, wrong[0], cells[wrong[0]], what="labels must be a list of, or have | between,")
    if is_needed or len(wrong) < len(found):
        raise LabError(said)
    note(f"{said}; the labels of this file are not used")
    return [None] * len(found)


def _flags(rows: _Rows) -> list[frozenset[int] | None]:
    """The labels where each has a column of its own."""
    source, names = rows.source, rows.source.reading.label_columns
    numbers = read_labels(names, source.classes if source.classes is not None else names)
    if None in numbers or len(set(numbers)) < len(source.classes or names):
        raise LabError(
            f"{source.name}: --label-columns must name a column for each of the model's labels "
            f"({listed(source.classes or ())}), names {', '.join(names)}"
        )
    cells = list(zip(*(rows.cells(place) for place in rows.columns.flags), strict=True))
    found = read_flags(cells, [number for number in numbers if number is not None])
    wrong = next((place for place, labels in enumerate(found) if labels is None), None)
    if wrong is not None:
        raise LabError(f"{source.place(rows.records[wrong])}: each column of --label-columns must be 0 or 1")
    return found


def _without_labels(rows: _Rows, *, is_needed: bool) -> list[Any]:
    """None for each row of a file without a column of labels, which are not needed."""
    if is_needed:
        has = f", {told_header(rows.header)}" if rows.header else ""
        raise LabError(f"{rows.source.name}: must have a column of labels beside the texts{has}; {WAY_OUT}")
    return [None] * len(rows.records)


def _ambiguous(source: Source) -> str:
    return (
        f"{source.name}: its labels are numbers of the classes and, in another order, their names "
        f"({listed(source.classes or ())}); write names that are no numbers into config.json"
    )


def _may_be_header(rows: _Rows, cell: Any) -> bool:
    """Whether the first row, the only one whose label is none, could name the columns."""
    return rows.header is None and len(rows.records) > 1 and class_number(cell) is None


def _misfit(rows: _Rows, place: int, cell: Any, *, what: str = "label must be") -> str:
    """What is wrong with a label."""
    classes = rows.source.classes
    rule = "a whole number from 0 up" if classes is None else f"one of the model's classes ({listed(classes)})"
    hint = "" if place else f"; if its columns are others, {WAY_OUT}"
    return f"{rows.source.place(rows.records[place])}: {what} {rule}, {told(cell)}{hint}"


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())
