"""The rows of a Parquet file from any row on, a few at a time: only the columns of texts are unpacked."""

from collections.abc import Iterator
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
        n_read = 0
        try:
            for row in self._cells(first, n_rows):
                yield _row(row, max_chars)
                n_read += 1
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # the disk or the network, not the file
            for _ in range(n_rows - n_read):
                yield faulty("row must stand in a whole Parquet file, is damaged there")

    def _cells(self, first: int, n_rows: int) -> Iterator[list[Any]]:
        """The cells of rows, of the groups that hold them."""
        sizes = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        starts = [sum(sizes[:group]) for group in range(len(sizes))]
        wanted = [
            group for group, start in enumerate(starts) if start < first + n_rows and start + sizes[group] > first
        ]
        place = starts[wanted[0]] if wanted else 0
        for batch in self._file.iter_batches(BATCH_ROWS, row_groups=wanted, columns=list(self.columns)):
            if place + batch.num_rows > first:
                columns = [batch.column(name) for name in self.columns]
                for row in range(max(0, first - place), min(batch.num_rows, first + n_rows - place)):
                    yield [column[row] for column in columns]
            place += batch.num_rows
            if place >= first + n_rows:
                return


def _row(scalars: list[Any], max_chars: int) -> CorpusRow:
    try:
        cells = [scalar.as_py() for scalar in scalars]
    except UnicodeError:
        return faulty("text must be UTF-8, is not")
    return row_of(cells, max_chars=max_chars)
