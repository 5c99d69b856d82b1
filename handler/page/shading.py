"""A judged text taken apart for showing: its words with their shades, its suspects, and what stands between them."""

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any, NamedTuple

LEVELS = 5
"""Shades from the least attribution to the largest of the text; level 0 is none."""
LEAST_SHARE = 0.01


class ShadedPiece(NamedTuple):
    """A stretch of the text. All of a text's pieces, joined, are the text."""

    text: str
    level: int = 0
    attribution: float | None = None
    """None for what is no word, or was not scored."""
    suspect: bool = False


def pieces(text: str, words: Sequence[Mapping[str, Any]], suspects: Sequence[Mapping[str, Any]]) -> list[ShadedPiece]:
    """The pieces of `text`, in order.

    Args:
        text: the text, or its beginning.
        words: an explanation's, with `start`, `end` and `attribution`.
        suspects: a reply's, with `start` and `end`; some may stand where no word was scored.
    """
    largest = max((word["attribution"] for word in words), default=0.0)
    attributions: dict[tuple[int, int], float | None] = dict.fromkeys(map(_span, suspects))
    attributions |= {_span(word): word["attribution"] for word in words}
    marked = set(map(_span, suspects))
    found, position = [], 0
    for (start, end), attribution in sorted(attributions.items(), key=lambda item: item[0]):
        if not position <= start < end <= len(text):
            continue
        if start > position:
            found.append(ShadedPiece(text[position:start]))
        level = 0 if attribution is None else level_of(attribution, largest)
        found.append(ShadedPiece(text[start:end], level, attribution, (start, end) in marked))
        position = end
    return found + [ShadedPiece(text[position:])] * (position < len(text))


def level_of(value: float, largest: float) -> int:
    """The shade of a value, from 0 to `LEVELS`, by its share of the largest; 0 is for less than a hundredth."""
    share = min(value / largest, 1.0) if largest > 0 else 0.0
    return ceil(share * LEVELS) if share >= LEAST_SHARE else 0


def _span(place: Mapping[str, Any]) -> tuple[int, int]:
    return place["start"], place["end"]
