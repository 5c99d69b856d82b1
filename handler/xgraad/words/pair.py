"""A pair of texts as one string: what scores, tests and edits texts knows nothing of pairs.

Between the parts stands a noncharacter, which Unicode keeps for a program's own use and no text has to hold. It breaks
words, so none reaches from one part into the other, and spans of the whole string are spans of a part.
"""

from collections.abc import Sequence
from typing import NamedTuple

from handler.xgraad.errors import TextError

SEPARATOR = "\ufdd0"
"""Between the parts; no part may hold it."""


class PartSpan(NamedTuple):
    """Where something stands in a pair."""

    part: int
    """0 in the first text, 1 in the second."""
    start: int
    """First character, counted in that part."""
    end: int
    """One past the last one."""


def join_pair(first: str, second: str) -> str:
    """Two texts as one string.

    Raises:
        TextError: a text holds the separator.
    """
    for name, part in (("first", first), ("second", second)):
        try:
            without_separator(part)
        except TextError as error:
            raise TextError(f"the {name} text of a pair: {error}") from None
    return f"{first}{SEPARATOR}{second}"


def without_separator(text: str) -> str:
    """The text itself, which must not hold what stands between the parts of a pair.

    Raises:
        TextError: it does.
    """
    if SEPARATOR in text:
        raise TextError(f"character {text.index(SEPARATOR)} is the noncharacter U+FDD0; leave it out")
    return text


def split_pair(text: str) -> tuple[str, str]:
    """The two texts of a string that `join_pair` made.

    Raises:
        TextError: it is no pair.
    """
    parts = text.split(SEPARATOR)
    if len(parts) != 2:
        raise TextError(
            "this model judges pairs of texts, and this is a single one; give two (files: --pair-column), "
            "or calibrate on single ones"
        )
    return parts[0], parts[1]


def single_text(text: str) -> str:
    """The text itself, which must be no pair.

    Raises:
        TextError: it is one.
    """
    if is_pair(text):
        raise TextError(
            "this model judges single texts, and this is a pair (it holds the noncharacter U+FDD0); give one text, "
            "or calibrate on pairs (--pair-column)"
        )
    return text


def is_pair(text: str) -> bool:
    """Whether a string is one that `join_pair` made."""
    return SEPARATOR in text


def place_in(text: str, start: int, end: int) -> PartSpan:
    """Which part a span of a joined string stands in, and where there; a span never reaches over the separator."""
    middle = text.index(SEPARATOR)
    return PartSpan(0, start, end) if end <= middle else PartSpan(1, start - middle - 1, end - middle - 1)


def segments(texts: Sequence[str]) -> tuple[list[str]] | tuple[list[str], list[str]]:
    """What a tokenizer takes for these texts: them, or where they are pairs, all first and all second parts.

    Raises:
        TextError: some are pairs and others are not.
    """
    if not any(map(is_pair, texts)):
        return (list(texts),)
    pairs = [split_pair(text) for text in texts]
    return [first for first, _ in pairs], [second for _, second in pairs]
