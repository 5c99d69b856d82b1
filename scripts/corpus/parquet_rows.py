"""The rows of a Parquet file from any row on, a few at a time: only the columns of texts are unpacked."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from scripts.corpus.row import CorpusRow, faulty, row_of
from scripts.texts.columns import find_columns
from scripts.texts.parquet import require_columns, told_in_a_line
from scripts.texts.records import Source

BATCH_ROWS = 256


class ParquetRows:
    """A file whose rows are read by number.

    Args:
        path: of it.
        source: which columns are wanted.

    Raises:
        LabError: it is damaged or encrypted, or its texts are no strings.
    """

    def __init__(self, path: Path, source: Source) -> None:
        with told_in_a_line(pyarrow, source):
            self._file = pyarrow.parquet.ParquetFile(path, page_checksum_verification=True, pre_buffer=False)
            schema = self._file.schema_arrow
        names = list(schema.names)
        found = find_columns(names, len(names), source)
        places = [place for place in (found.text, found.pair) if place is not None]
        for place in places:
            require_columns(pyarrow, schema, place, places, source)
        self.columns = tuple(names[place] for place in places)
        """Names of those of the texts."""
        self.n_rows = int(self._file.metadata.num_rows)

    def read(self, first: int, n_rows: int, *, max_chars: int) -> Iterator[CorpusRow]:
        """So many rows; those that are damaged in the file are bad rows.

        Args:
            first: number of the first one, from 0 up.
            n_rows: how many.
            max_chars: see `row_of`.

        Raises:
            OSError: the file cannot be reached.
        """
        start = 0
        for group in range(self._file.num_row_groups):
            size = self._file.metadata.row_group(group).num_rows
            low, high = max(first - start, 0), min(first + n_rows - start, size)
            if low < high:
                yield from self._of_group(group, low, high, max_chars)
            start += size

    def _of_group(self, group: int, low: int, high: int, max_chars: int) -> Iterator[CorpusRow]:
        """The rows of a group from `low` up to `high`."""
        place = low
        try:
            for cells in islice(self._cells(group), low, high):
                yield _row(cells, max_chars)
                place += 1
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk or the network, not the file
            for _ in range(place, high):
                yield faulty("row must stand in a whole Parquet file, is damaged there")

    def _cells(self, group: int) -> Iterator[list[Any]]:
        """What stands in the columns of texts, row by row."""
        for batch in self._file.iter_batches(BATCH_ROWS, row_groups=[group], columns=list(self.columns)):
            columns = [batch.column(name) for name in self.columns]
            for row in range(batch.num_rows):
                yield [column[row] for column in columns]


def _row(scalars: list[Any], max_chars: int) -> CorpusRow:
    try:
        cells = [scalar.as_py() for scalar in scalars]
    except UnicodeError:
        return faulty("text must be UTF-8, is not")
    return row_of(cells, max_chars=max_chars)
