"""One file of a corpus: what it is, and where in it each shard begins. Found out once, in one go through the file."""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from scripts.console.errors import LabError
from scripts.corpus.layout import HEAD_BYTES, TextLayout, layout_of
from scripts.corpus.parquet_rows import ParquetRows
from scripts.corpus.row import CorpusRow
from scripts.corpus.text_rows import TextRows
from scripts.texts.file_text import GZIP_MAGIC
from scripts.texts.parquet import is_parquet
from scripts.texts.reading import ReadingOptions
from scripts.texts.records import Source

BLOCK = 1 << 20
Progress = Callable[[int], object]
"""Told the bytes that were read since the last call."""


@dataclass(frozen=True, kw_only=True)
class CorpusFile:
    """What of a file all its readers know."""

    path: str
    sha256: str
    n_rows: int
    layout: TextLayout | None
    """None for Parquet."""
    starts: tuple[int, ...]
    """Of each shard the first byte, unpacked; empty for Parquet."""

    def rows(
        self, first: int, n_rows: int, start: int, *, max_chars: int, reading: ReadingOptions
    ) -> Iterator[CorpusRow]:
        """Some rows, in order.

        Args:
            first: number of the first one, from 0 up.
            n_rows: how many.
            start: its first byte, unpacked; for Parquet anything.
            max_chars: see `row_of`.
            reading: what the user said of the file.

        Raises:
            LabError: the file is not what it was.
            OSError: it cannot be reached.
        """
        if self.layout is None:
            yield from ParquetRows(Path(self.path), _source(self.path, reading)).read(
                first, n_rows, max_chars=max_chars
            )
            return
        with unpacked(Path(self.path)) as stream:
            stream.seek(start)
            for placed in islice(TextRows(stream, self.layout, max_chars=max_chars), n_rows):
                yield placed.row


def examined(path: Path, reading: ReadingOptions, *, shard_rows: int, progress: Progress) -> CorpusFile:
    """A file, read from end to end without being kept.

    Args:
        path: Parquet, or characters, gzip or not.
        reading: what the user says of it.
        shard_rows: rows of every shard but the last.
        progress: is told of the bytes.

    Raises:
        LabError: it cannot be read as its format; its beginning does not say where the texts are; or it has none.
    """
    source = _source(str(path), reading)
    try:
        with path.open("rb") as file:
            beginning = file.read(len(GZIP_MAGIC) + 2)
        if is_parquet(beginning, source):
            rows = ParquetRows(path, source)
            return CorpusFile(
                path=str(path), sha256=_sha256(path, progress), n_rows=rows.n_rows, layout=None, starts=()
            )
        return _text_file(path, source, shard_rows, progress)
    except (OSError, EOFError, zlib.error) as error:
        raise LabError(f"{path}: cannot be read: {error}; fetch it again or leave it out") from error


def unpacked(path: Path) -> BinaryIO:
    """The bytes of a file, gzip (told by its first bytes, not its name) or not."""
    with path.open("rb") as file:
        is_packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    return io.BufferedReader(gzip.GzipFile(path), BLOCK) if is_packed else path.open("rb")  # type: ignore[arg-type]


def _text_file(path: Path, source: Source, shard_rows: int, progress: Progress) -> CorpusFile:
    with unpacked(path) as stream:
        head = stream.read(HEAD_BYTES)
        layout = layout_of(head, source, is_whole=not stream.read(1))
        stream.seek(0)
        starts, n_rows = [], 0
        # What a row holds is looked at when it is judged.
        for placed in TextRows(stream, layout, max_chars=0):
            if n_rows % shard_rows == 0:
                starts.append(placed.start)
            n_rows += 1
    if not n_rows:
        raise LabError(f"{path}: holds no rows with a text; one is the least")
    return CorpusFile(
        path=str(path), sha256=_sha256(path, progress), n_rows=n_rows, layout=layout, starts=tuple(starts)
    )


def _sha256(path: Path, progress: Progress) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            progress(len(block))
    return digest.hexdigest()


def _source(name: str, reading: ReadingOptions) -> Source:
    return Source(name=name, reading=reading)
