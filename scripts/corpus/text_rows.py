"""The rows of a text file, one after another, from any row's place in it; a bad one is told and costs no other.

A quoted field may go over many lines. Where its end is not found near by, the line that opens it is the bad row, and
the next line begins another.
"""

import csv
import json
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from scripts.corpus.layout import TextLayout
from scripts.corpus.row import CorpusRow, faulty, row_of
from scripts.texts.file_text import MARK
from scripts.texts.quoting import QUOTE

LINE_BYTES = 1_000_000
"""A longer line is a bad row."""
ROW_LINES = 1_000
"""Lines that a quoted row may have."""


class _Line(NamedTuple):
    start: int
    """Its first byte, unpacked."""
    whole: str = ""
    """With its end."""
    fault: str | None = None

    @property
    def text(self) -> str:
        """Without its end."""
        return self.whole.removesuffix("\n").removesuffix("\r")


class PlacedRow(NamedTuple):
    """A row and where it begins, in bytes of the unpacked file."""

    start: int
    row: CorpusRow


class TextRows:
    """Iterates over the rows; blank lines are none.

    Args:
        stream: the unpacked file, at the beginning of a row.
        layout: of the file.
        max_chars: see `row_of`.
    """

    def __init__(self, stream: BinaryIO, layout: TextLayout, *, max_chars: int) -> None:
        self._stream = stream
        self._layout = layout
        self._max_chars = max_chars
        self._ahead: deque[_Line] = deque()
        self._skips_header = layout.has_header and stream.tell() == 0

    def __iter__(self) -> Iterator[PlacedRow]:
        while (line := self._next_line()) is not None:
            row = self._row(line)
            if row is not None:
                yield PlacedRow(line.start, row)

    def _row(self, line: _Line) -> CorpusRow | None:
        """The row that begins with a line; None for what is none: a blank line, the header."""
        if line.fault is not None:
            return faulty(line.fault)
        cells = self._json_cells(line.text) if self._layout.format == "jsonl" else self._cells(line)
        if isinstance(cells, str):
            return faulty(cells)
        if not cells:
            return None
        if self._skips_header:
            self._skips_header = False
            return None
        return row_of(cells, max_chars=self._max_chars)

    def _cells(self, line: _Line) -> list[str] | str:
        """What the columns of texts hold, nothing for a blank row; or what is wrong."""
        layout = self._layout
        try:
            cells = self._quoted(line) if layout.is_quoted else line.text.split(layout.delimiter)
        except csv.Error as error:
            return f"row must be as CSV writers write it: {error}"
        if not any(cell.strip() for cell in cells):
            return []
        if len(cells) != layout.n_columns:
            return f"row must have {layout.n_columns} columns as the first has, has {len(cells)}"
        if layout.is_quoted is None and any(cell.startswith(QUOTE) for cell in cells):
            return "quotes may belong to the text or stand around it; say --quoting none or --quoting csv"
        return [cells[place] for place in layout.columns if isinstance(place, int)]

    def _quoted(self, first: _Line) -> list[str]:
        """The cells of the row that begins so, with the lines that belong to it taken.

        Raises:
            csv.Error: it does not end well; then its first line alone is taken.
        """
        taken: list[_Line] = []

        def lines() -> Iterator[str]:
            yield first.whole
            while len(taken) < ROW_LINES and (line := self._next_line()) is not None:
                taken.append(line)
                if line.fault is not None:
                    return
                yield line.whole

        try:
            return next(csv.reader(lines(), delimiter=self._layout.delimiter, strict=True), [])
        except csv.Error:
            self._ahead.extendleft(reversed(taken))
            raise

    def _json_cells(self, text: str) -> list[object] | str:
        if not text.strip():
            return []
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return "row must be a JSON object, is none"
        if not isinstance(found, dict):
            return f"row must be a JSON object, is a {type(found).__name__}"
        return [found.get(str(key)) for key in self._layout.columns]

    def _next_line(self) -> _Line | None:
        """The next one, without its end; None after the last."""
        if self._ahead:
            return self._ahead.popleft()
        start = self._stream.tell()
        line = self._stream.readline(LINE_BYTES)
        if not line:
            return None
        if len(line) == LINE_BYTES and not line.endswith(b"\n"):
            while (more := self._stream.readline(LINE_BYTES)) and not more.endswith(b"\n"):
                pass
            return _Line(start, fault=f"row must have at most {LINE_BYTES} bytes, has more")
        return self._decoded(start, line)

    def _decoded(self, start: int, line: bytes) -> _Line:
        try:
            text = line.decode(self._layout.encoding)
        except UnicodeError as error:
            place = getattr(error, "start", 0)
            return _Line(start, fault=f"row must be {self._layout.encoding}, but its byte {place} is not")
        if "\0" in text:
            return _Line(start, fault="row must not hold zero bytes")
        return _Line(start, text if start else text.lstrip(MARK))
