"""Rows of cells out of a Parquet file. What reads it, pyarrow, is not installed with the rest."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from math import isnan
from pathlib import PurePath
from typing import Any

from handler.xgraad.errors import reason
from scripts.console.command_line import note
from scripts.console.errors import LabError
from scripts.texts.column_names import same_name
from scripts.texts.columns import WAY_OUT, find_columns
from scripts.texts.label_cells import listed
from scripts.texts.quoting import Record
from scripts.texts.records import Source, TextTable

MAGIC = b"PAR1"
PARQUET_SUFFIXES = (".parquet", ".pq")
NO_LABEL = -1
"""Of a class label in data sets of the hub: nobody says which."""


def is_parquet(content: bytes, source: Source) -> bool:
    """Whether a file is Parquet, as the user says, or else its first bytes or its name."""
    if source.reading.format is not None:
        return source.reading.format == "parquet"
    return content.startswith(MAGIC) or PurePath(source.name).suffix.lower() in PARQUET_SUFFIXES


def parquet_table(content: bytes, source: Source) -> TextTable:
    """The rows of a file: of its columns only those that are looked at, None in the place of all others.

    Integers that the file has names for become these names, where the model knows any of them: its classes may stand in
    another order.

    Args:
        content: of the file.
        source: where it comes from, and which columns are wanted.

    Raises:
        LabError: pyarrow is not installed, the file is damaged or encrypted, or its texts are no strings.
    """
    arrow = _pyarrow("pyarrow", source)
    with told_in_a_line(arrow, source):
        read = _pyarrow("pyarrow.parquet", source).ParquetFile
        file = read(arrow.BufferReader(content), page_checksum_verification=True)
        schema = file.schema_arrow
    names = list(schema.names)
    columns = find_columns(names, len(names), source)
    places = columns.places()
    require_columns(arrow, schema, columns.text, places, source)
    with told_in_a_line(arrow, source):
        table = file.read(columns=[names[place] for place in places])
        cells = {place: table.column(names[place]).to_pylist() for place in places}
    if columns.label is not None:
        cells[columns.label] = _label_cells(cells[columns.label], _names(schema, names[columns.label]), source)
    empty = [None] * table.num_rows
    rows = zip(*(cells.get(place, empty) for place in range(len(names))), strict=True)
    return TextTable("parquet", [Record(0, names), *(Record(row, cells) for row, cells in enumerate(rows, start=1))], 0)


def _pyarrow(module: str, source: Source) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise LabError(
            f"{source.name}: reading Parquet takes pyarrow, which is missing: pip install pyarrow"
        ) from error


@contextmanager
def told_in_a_line(arrow: Any, source: Source) -> Iterator[None]:
    """Around what pyarrow does with a file."""
    try:
        yield
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise LabError(
            f"{source.name}: must be a whole Parquet file that is not encrypted: {reason(error)}; fetch it again"
        ) from error


def require_columns(arrow: Any, schema: Any, text: int, places: Sequence[int], source: Source) -> None:
    """Refuse texts that are no strings, and columns that are two under one name."""
    twice = next((schema.names[place] for place in places if schema.names.count(schema.names[place]) > 1), None)
    if twice is not None:
        raise LabError(f"{source.name}: has two columns named {twice!r}; give each a name of its own")
    kind = schema.field(text).type
    kind = kind.value_type if arrow.types.is_dictionary(kind) else kind
    if not any(fits(kind) for fits in (arrow.types.is_string, arrow.types.is_large_string, arrow.types.is_null)):
        raise LabError(f"{source.name}: column {schema.names[text]!r} must hold strings, holds {kind}; {WAY_OUT}")


def _names(schema: Any, column: str) -> list[str]:
    """What the integers of a column stand for, as data sets of the hub note it in the file; nothing elsewhere."""
    try:
        kind = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][column]
        kind = kind.get("feature", kind)  # of lists, what each element is
        names = kind["names"] if kind["_type"] == "ClassLabel" else []
    except (KeyError, TypeError, ValueError, RecursionError):
        return []
    return list(names) if isinstance(names, list) and all(isinstance(name, str) for name in names) else []


def _label_cells(cells: Sequence[Any], names: Sequence[str], source: Source) -> list[Any]:
    """Labels as other files hold them: what pandas writes for a gap is one, and numbers are names where that helps."""
    found = [None if isinstance(cell, float) and isnan(cell) else cell for cell in cells]
    if not names:
        return found
    found = [None if cell == NO_LABEL else cell for cell in found]
    classes = {same_name(name) for name in source.classes or ()}
    if any(same_name(name) in classes for name in names):
        return [_by_name(cell, names) for cell in found]
    if classes:
        note(f"{source.name}: labels are taken by number; their names there ({listed(names)}) are not the model's")
    return found


def _by_name(cell: Any, names: Sequence[str]) -> Any:
    """A label, or each of a list of them, by its name."""
    if isinstance(cell, list):
        return [_by_name(each, names) for each in cell]
    return names[cell] if isinstance(cell, int) and 0 <= cell < len(names) else cell
