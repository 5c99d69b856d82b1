"""How the rows of a text file are told apart, found out from its beginning: a corpus is never read as a whole."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from scripts.console.errors import LabError
from scripts.texts.columns import find_columns, split_header
from scripts.texts.file_text import decoded
from scripts.texts.quoting import QUOTE, Record, choose
from scripts.texts.reading import Format
from scripts.texts.records import DELIMITERS, NO_DELIMITER, Source, TextTable, format_of

HEAD_BYTES = 1_000_000
"""Of a file, unpacked, that its layout is found out from."""


@dataclass(frozen=True, kw_only=True)
class TextLayout:
    """Of a file of characters."""

    format: Format
    encoding: str
    """As Python names it."""
    delimiter: str
    """Between columns; of JSON lines and lines of texts the character that no file has."""
    is_quoted: bool | None
    """Whether quotes around a field are quoting; None where the beginning has none, so that no other row may."""
    has_header: bool
    n_columns: int
    """Of every row; 0 for JSON lines."""
    columns: tuple[int | str, ...]
    """Of the text, and of the second where there are pairs: places from 0 up, or keys of JSON lines."""


def layout_of(head: bytes, source: Source, *, is_whole: bool) -> TextLayout:
    """The layout of a file that begins so.

    Args:
        head: the first bytes, unpacked.
        source: where they come from, and how they are to be read.
        is_whole: whether they are all there is.

    Raises:
        LabError: an encoding whose lines do not end at a byte of their own, no column of texts, or quotes that may be
            read in two ways.
    """
    encoding = source.reading.encoding or "utf-8"
    lines = _lines(head, encoding, source, is_whole=is_whole)
    form = source.reading.format or format_of("\n".join(lines[:100]), source.name)
    if form == "jsonl":
        return _json_layout(lines, encoding, source)
    delimiter = _delimiter(lines[0]) if form == "csv" else "\t" if form == "tsv" else NO_DELIMITER
    is_quoted = _is_quoted(lines, form, delimiter, source)
    first = Record(1, _cells(lines[0], delimiter, is_quoted=bool(is_quoted)))
    header, _ = split_header(TextTable(form, [first], 0), source)
    columns = find_columns(header, len(first.cells), source)
    return TextLayout(
        format=form,
        encoding=encoding,
        delimiter=delimiter,
        is_quoted=is_quoted,
        has_header=header is not None,
        n_columns=len(first.cells),
        columns=(columns.text,) if columns.pair is None else (columns.text, columns.pair),
    )


def _lines(head: bytes, encoding: str, source: Source, *, is_whole: bool) -> list[str]:
    """The lines that are there in full and not blank, the first without a byte order mark."""
    if "\n".encode(encoding) != b"\n":
        raise LabError(f"{source.name}: a corpus must be in an encoding such as UTF-8, is {encoding}; save it as UTF-8")
    pieces = head.split(b"\n")
    pieces = pieces if is_whole or len(pieces) == 1 else pieces[:-1]
    # What is no text in the first line is no header; elsewhere it is a bad row.
    first = decoded(pieces[0], source.name, encoding=source.reading.encoding)
    if "\r" in first.rstrip("\r"):
        raise LabError(f"{source.name}: lines must end at line feeds, end at carriage returns; save it with line feeds")
    lines = [line.rstrip("\r") for line in (first, *(piece.decode(encoding, "replace") for piece in pieces[1:]))]
    kept = [line for line in lines if line.strip()]
    if not kept:
        raise LabError(f"{source.name}: holds no rows with a text; one is the least")
    return kept


def _delimiter(line: str) -> str:
    """Of a CSV file: what makes the most columns of its first line, the comma before others."""
    return max(DELIMITERS, key=lambda delimiter: len(_cells(line, delimiter, is_quoted=True)))


def _cells(line: str, delimiter: str, *, is_quoted: bool) -> list[str]:
    """Of a first line; a field in quotes ends on it."""
    cells = line.split(delimiter)
    return [cell.strip(QUOTE) for cell in cells] if is_quoted else cells


def _is_quoted(lines: Sequence[str], form: Format, delimiter: str, source: Source) -> bool | None:
    if source.reading.quoting or form == "csv":
        return source.reading.quoting != "none"
    if not any(cell.startswith(QUOTE) for line in lines for cell in line.split(delimiter)):
        return None
    return any(record.quoted for record in choose("\n".join(lines), delimiter, name=source.name))


def _json_layout(lines: Sequence[str], encoding: str, source: Source) -> TextLayout:
    """Keys are those of the objects in the beginning: that a row lacks one makes it a bad row."""
    keys = list(dict.fromkeys(key for line in lines for key in _keys(line)))
    if not keys:
        raise LabError(f'{source.name}: must hold JSON objects such as {{"text": …}}, one on each line; has none')
    columns = find_columns(keys, len(keys), source)
    return TextLayout(
        format="jsonl",
        encoding=encoding,
        delimiter=NO_DELIMITER,
        is_quoted=False,
        has_header=False,
        n_columns=0,
        columns=tuple(keys[place] for place in (columns.text, columns.pair) if place is not None),
    )


def _keys(line: str) -> list[str]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return list(found) if isinstance(found, dict) else []
