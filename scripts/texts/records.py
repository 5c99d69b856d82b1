"""Rows of cells in the file formats that hold texts: tab- or comma-separated, JSON lines, and one text a line."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal, NamedTuple

from scripts.console.command_line import note
from scripts.console.errors import LabError
from scripts.texts.column_names import is_text_column
from scripts.texts.quoting import Record, choose, is_blank, is_even, quoted_records, split_records
from scripts.texts.reading import Format, ReadingOptions

SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".tab": "tsv",
    ".tsv": "tsv",
}
DELIMITERS = (",", ";", "\t")
NO_DELIMITER = "\0"
"""Of a file with one text a line: the character that no file has, see `scripts.texts.file_text`."""


class TextTable(NamedTuple):
    """A file taken apart."""

    format: Format
    records: list[Record]
    """None of them is blank. The header, where there is one, is the first."""
    n_blank: int
    """Lines left out because nothing stands on them."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where characters come from, and how they are to be read."""

    name: str
    """For messages; its suffix tells the format."""
    reading: ReadingOptions
    classes: Sequence[str] | None = None
    """Names of the model's classes by number; None where no model is at hand."""
    n_optional: int = 0
    """Columns at the end that a row may lack."""
    unit: Literal["line", "row"] = "line"
    """What a record is counted by, for messages."""

    def place(self, record: Record) -> str:
        """Where a record begins, for messages."""
        return f"{self.name}, {self.unit} {record.line}"


def read_table(text: str, source: Source) -> TextTable:
    """The rows of a file.

    Raises:
        LabError: it is not of its format, its rows differ in their columns, or its quotes can be read in two ways.
    """
    form = source.reading.format or format_of(text, source.name)
    records = READERS[form](text, source)
    kept = [record for record in records if not is_blank(record)]
    _require_even_rows(kept, source)
    if form == "lines" and any(map(any, (record.quoted for record in kept))) and source.reading.quoting is None:
        note(f"{source.name}: the quotes around every line are taken for quoting; --quoting none keeps them")
    return TextTable(form, kept, len(records) - len(kept))


def format_of(text: str, name: str) -> Format:
    """The format that a file's name tells, or else its content."""
    suffix = PurePath(name.removesuffix(".gz")).suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    first = next((line.strip() for line in text.splitlines() if line.strip()), "")
    if first.startswith("{") and _is_json(first):
        return "jsonl"
    if "\t" in text:
        return "tsv"
    cells = [cell.strip('"') for cell in first.replace(";", ",").split(",")]
    return "csv" if len(cells) > 1 and any(map(is_text_column, cells)) else "lines"


def _csv_records(text: str, source: Source) -> list[Record]:
    delimiter = _delimiter(text, source.name)
    if source.reading.quoting == "none":
        return split_records(text, delimiter)
    return _quoted_records(text, delimiter, source)


def _tsv_records(text: str, source: Source) -> list[Record]:
    return _records(text, "\t", source)


def _lines(text: str, source: Source) -> list[Record]:
    return _records(text, NO_DELIMITER, source)


def _records(text: str, delimiter: str, source: Source) -> list[Record]:
    """Of formats that know no quoting of their own."""
    if source.reading.quoting == "none":
        return split_records(text, delimiter)
    if source.reading.quoting == "csv":
        return _quoted_records(text, delimiter, source)
    return choose(text, delimiter, name=source.name, n_optional=source.n_optional)


def _quoted_records(text: str, delimiter: str, source: Source) -> list[Record]:
    try:
        return quoted_records(text, delimiter)
    except csv.Error as error:
        raise LabError(f"{source.name}: is not valid CSV: {error}; --quoting none takes quotes as text") from error


def _delimiter(text: str, name: str) -> str:
    """Of a CSV file: the comma, or what spreadsheets write in its place where the comma is the decimal point."""
    fitting = [delimiter for delimiter in DELIMITERS if (records := _separated(text, delimiter)) and is_even(records)]
    if len(fitting) < 2:
        return (fitting or DELIMITERS)[0]
    named = [each for each in fitting if any(map(is_text_column, _separated(text, each)[0].cells))]
    if len(named) != 1:
        raise LabError(f"{name}: more than one of {''.join(DELIMITERS)!r} may separate its columns; add a header line")
    return named[0]


def _separated(text: str, delimiter: str) -> list[Record]:
    """The rows that are not blank, where these are two columns or more; nothing where they are not."""
    try:
        records = [record for record in quoted_records(text, delimiter) if not is_blank(record)]
    except csv.Error:
        return []
    return records if records and len(records[0].cells) > 1 else []


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _json_records(text: str, source: Source) -> list[Record]:
    """A header with all keys, and a row per object; None stands for a key that an object lacks."""
    lines = [(record.line, record.cells[0]) for record in split_records(text, NO_DELIMITER)]
    objects = [(line, _json_object(content, f"{source.name}, line {line}")) for line, content in lines]
    keys = list(dict.fromkeys(key for _, found in objects for key in found))
    rows = [Record(line, [found.get(key) for key in keys] if found else [""]) for line, found in objects]
    return [Record(0, keys), *rows] if keys else rows


def _json_object(line: str, place: str) -> dict[str, Any]:
    if not line.strip():
        return {}
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LabError(f"{place}: must be a JSON object: JSON lines have one on each line") from error
    if not isinstance(found, dict):
        raise LabError(f'{place}: must be a JSON object such as {{"text": …}}, is a {type(found).__name__}')
    return found


def _require_even_rows(records: list[Record], source: Source) -> None:
    if not records:
        return
    n_columns = max(len(record.cells) for record in (records if source.n_optional else records[:1]))
    for record in records:
        if not n_columns - source.n_optional <= len(record.cells) <= n_columns:
            raise LabError(
                f"{source.place(record)}: must have {n_columns} columns as line {records[0].line} has, "
                f"has {len(record.cells)}; if the file has no columns, --format lines"
            )


READERS: dict[Format, Callable[[str, Source], list[Record]]] = {
    "csv": _csv_records,
    "jsonl": _json_records,
    "lines": _lines,
    "tsv": _tsv_records,
}
"""What takes the characters of each format apart: all rows, blank ones included. Parquet has none."""
