"""Are quotes around a field quoting, as CSV has it, or part of the text? Found out from the whole file.

Tab-separated files come in both ways: published data sets quote nothing, so that a text may begin with a quotation
mark; spreadsheets and csv writers quote a field that needs it, or every field, and double the marks inside. A file
counts as quoted when such a writer would have written exactly its marks. What could be either is refused.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

from scripts.console.errors import LabError
from scripts.texts.column_names import is_label_column, is_text_column

QUOTE = '"'


class Record(NamedTuple):
    """One row of a file."""

    line: int
    """Where it begins, from 1 up; 0 for what stands on no line."""
    cells: Sequence[Any]
    """Strings; in JSON lines whatever a value is."""
    quoted: tuple[bool, ...] = ()
    """For each cell whether quotes stood around it."""


def choose(text: str, delimiter: str, *, name: str, n_optional: int = 0) -> list[Record]:
    """All rows, read in the one way that the file allows.

    Args:
        text: of the file.
        delimiter: between columns.
        name: of the file, for messages.
        n_optional: columns at the end that a row may lack.

    Raises:
        LabError: quotes could belong to the texts or not; file, line and cure are named.
    """
    plain = split_records(text, delimiter)
    if not any(cell.startswith(QUOTE) for record in plain for cell in record.cells):
        return plain
    try:
        unquoted = quoted_records(text, delimiter)
    except csv.Error:
        return plain
    if not is_even(unquoted, n_optional):
        return plain
    if not is_even(plain, n_optional):
        return unquoted
    return _of_two(plain, unquoted, delimiter, name)


def is_even(records: Sequence[Record], n_optional: int = 0) -> bool:
    """Whether all rows that are not blank have the same columns."""
    widths = {len(record.cells) for record in records if not is_blank(record)}
    return not widths or max(widths) - min(widths) <= n_optional


def is_blank(record: Record) -> bool:
    """Whether nothing stands on a row."""
    return all(isinstance(cell, str) and not cell.strip() for cell in record.cells)


def split_records(text: str, delimiter: str) -> list[Record]:
    """Rows of a file that quotes nothing.

    Lines end at line feeds, with or without a carriage return, or at carriage returns where there is no line feed:
    other line separators of Unicode may be part of a text.
    """
    lines = text.split("\n" if "\n" in text else "\r")
    lines = lines if lines[-1] else lines[:-1]
    return [Record(number, line.removesuffix("\r").split(delimiter)) for number, line in enumerate(lines, start=1)]


def quoted_records(text: str, delimiter: str) -> list[Record]:
    """Rows of a file as csv writers write it.

    Raises:
        csv.Error: no such writer has written this; the message names the line.
    """
    source = _Lines(text)
    reader = csv.reader(source, delimiter=delimiter, strict=True)
    records, line = [], 1
    try:
        for cells in reader:
            records.append(Record(line, cells, _quoted(source.taken(), cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise csv.Error(f"line {line}: {error}") from error
    return records


class _Lines:
    """Lines for csv, and what the reader took of them for one row."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._taken: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        self._taken.append(next(self._lines))
        return self._taken[-1]

    def taken(self) -> str:
        """All since the last call."""
        taken, self._taken = "".join(self._taken), []
        return taken


def _quoted(row: str, cells: Sequence[str]) -> tuple[bool, ...]:
    """For each cell whether quotes stand around it in the row as it was written."""
    found, position = [], 0
    for cell in cells:
        is_quoted = row.startswith(QUOTE, position)
        found.append(is_quoted)
        position += 1 + len(cell) + (2 + cell.count(QUOTE) if is_quoted else 0)
    return tuple(found)


class _Marks(NamedTuple):
    """Rows that say something for or against quoting, when the file is read as quoted."""

    spanning: list[Record]
    """A quoted field holds a line break or a delimiter: read plainly, the row would fall apart."""
    doubled: list[Record]
    """A quoted field holds quotation marks, as a csv writer doubles them."""
    stray: list[Record]
    """A field that is not quoted holds quotation marks: no csv writer leaves them so."""
    idle: list[Record]
    """A field is quoted that needs it not, in a column where others are not."""


def _of_two(plain: list[Record], unquoted: list[Record], delimiter: str, name: str) -> list[Record]:
    """Both readings are possible: the one that explains every quotation mark.

    Without columns a lone quoted line is a text in quotes: there is no writer to suspect.
    """
    marks = _marks(unquoted, delimiter)
    if not marks.spanning and not marks.stray and not marks.idle:
        return unquoted
    has_columns = any(len(record.cells) > 1 for record in unquoted)
    if not marks.spanning and not marks.doubled and (marks.stray or not has_columns):
        return plain
    doubtful = (marks.spanning or marks.idle or marks.doubled)[0]
    raise LabError(
        f"{name}, line {doubtful.line}: its quotes may belong to the text or stand around it; "
        "say --quoting none or --quoting csv"
    )


def _marks(records: Sequence[Record], delimiter: str) -> _Marks:
    found = _Marks([], [], [], [])
    header, *rest = [record for record in records if not is_blank(record)]
    left_out = header if rest and _is_header(header) else None
    throughout = _quoted_throughout([header, *rest] if left_out is None else rest)
    for record in [header, *rest]:
        for column, (cell, is_quoted) in enumerate(zip(record.cells, record.quoted, strict=True)):
            if is_quoted and any(character in cell for character in (delimiter, "\n", "\r")):
                found.spanning.append(record)
            if QUOTE in cell:
                (found.doubled if is_quoted else found.stray).append(record)
            elif is_quoted and column not in throughout and record is not left_out and not _needs(cell):
                found.idle.append(record)
    return found


def _is_header(record: Record) -> bool:
    return any(is_text_column(cell) or is_label_column(cell) for cell in record.cells)


def _quoted_throughout(rows: Sequence[Record]) -> set[int]:
    """Columns that are quoted in every one of some rows."""
    return {
        column
        for column in range(max(len(record.cells) for record in rows))
        if all(record.quoted[column] for record in rows if len(record.cells) > column)
    }


def _needs(cell: str) -> bool:
    """Whether some csv writer that quotes only what needs it would quote this, marks and delimiters apart."""
    return not cell or cell != cell.strip()
