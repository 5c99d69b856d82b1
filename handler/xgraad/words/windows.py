"""Where a long text is cut: windows that a model holds, which overlap, at the bounds of words. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Annotated, NamedTuple

from pydantic import Field

from handler.xgraad.frozen import Frozen
from handler.xgraad.options import MOST_WINDOWS, USUAL_MAX_WINDOWS
from handler.xgraad.words.text import Word


class WindowPlan(Frozen):
    """How a text is looked at that is longer than the model's window."""

    stride: Annotated[int, Field(ge=0)]
    """Tokens that a window shares with the one before it, as many as the bounds of words allow and never more."""
    max_windows: Annotated[int, Field(ge=2, le=MOST_WINDOWS)] = USUAL_MAX_WINDOWS
    """Of one text. What comes after them the model does not see."""


class Window(NamedTuple):
    """A part of a text."""

    start: int
    """First character, counted in the text."""
    end: int
    """One past the last one."""


def cut(
    text: str, words: Sequence[Word], offsets: Sequence[tuple[int, int]], *, room: int, stride: int
) -> Iterator[Window]:
    """The windows of a text, in order; together they are all of it.

    No word is parted that fits into a window, and white space before a word goes with it. A longer word is parted
    between its tokens, without overlap, since no window holds the whole of it.

    Args:
        text: the text.
        words: its words, in text order.
        offsets: characters of each of its tokens, in text order.
        room: tokens that a window holds, special ones not counted.
        stride: tokens that a window shares with the one before it, below `room`.
    """
    bounds = _Bounds(text, words, offsets)
    start = 0
    while True:
        end = bounds.end_of(start, room)
        yield Window(bounds.place(start), bounds.place(end))
        if end >= bounds.n_tokens:
            return
        start = bounds.next_start(start, end, room=room, stride=stride)


class _Bounds:
    """The tokens before which a text may be cut."""

    def __init__(self, text: str, words: Sequence[Word], offsets: Sequence[tuple[int, int]]) -> None:
        self.n_tokens = len(offsets)
        self._text = text
        self._starts = [start for start, _ in offsets]
        self._ends = list(accumulate((end for _, end in offsets), max))
        """Of each token and all before it: the last character of them."""
        self._words = words
        self._word_starts = [word.start for word in words]
        inner = range(1, self.n_tokens)
        self._whole = [0, *(token for token in inner if self._parts_no_word(token)), self.n_tokens]

    def end_of(self, start: int, room: int) -> int:
        """One past the last token of the window that begins with this one."""
        end = self._last(start + room)
        if end > start:
            return end
        parted = (token for token in range(start + room, start, -1) if self._parts_no_character(token))
        return next(parted, self._next(start))

    def next_start(self, start: int, end: int, *, room: int, stride: int) -> int:
        """The first token of the window behind that from `start` to `end`: it has at least one that is new."""
        earliest = max(end - stride, self._next(end) - room, start + 1)
        return min(self._whole[bisect_left(self._whole, earliest)], end)

    def place(self, token: int) -> int:
        """The character before which a cut before this token is: white space goes with what follows."""
        if token == 0:
            return 0
        if token == self.n_tokens:
            return len(self._text)
        least = self._ends[token - 1]
        place = self._starts[token]
        while place > least and self._text[place - 1].isspace():
            place -= 1
        return place

    def _last(self, token: int) -> int:
        return self._whole[bisect_right(self._whole, token) - 1]

    def _next(self, token: int) -> int:
        return self._whole[min(bisect_right(self._whole, token), len(self._whole) - 1)]

    def _parts_no_character(self, token: int) -> bool:
        return self._starts[token] >= self._ends[token - 1]

    def _parts_no_word(self, token: int) -> bool:
        if not self._parts_no_character(token):
            return False
        before = bisect_left(self._word_starts, self._starts[token]) - 1
        return before < 0 or self._words[before].end <= self._starts[token]
