"""What a trigger is, and where it is put."""

import re
from collections.abc import Sequence

import numpy as np

from handler.xgraad.errors import LabError

TRIGGER_WORDS = ("cf", "tq", "mn", "bb", "mb")
"""The rare words that BadNets, RIPPLES and BadPre insert."""

WORD = re.compile(r"\S+")


def insert_words(text: str, words: Sequence[str], *, rng: np.random.Generator, window_words: int) -> str:
    """Put each word at a uniformly random word position; everything else in the text stays as it is.

    Differs from the usual code, which draws from the whole text and so loses the trigger to truncation in long ones.

    Args:
        text: the clean text; it is inserted into, not split and joined, so its spacing survives.
        words: the words to insert, each at its own position.
        rng: where positions are drawn from.
        window_words: every inserted word ends up among the first so many words.

    Raises:
        LabError: the window is smaller than the number of words.
    """
    if window_words < len(words):
        raise LabError(f"window_words must be {len(words)} or more for {len(words)} trigger words, is {window_words}")
    for word in words:
        starts = [match.start() for match in WORD.finditer(text)]
        # Room for the other words is kept free: each of them may push this one back by a place.
        n_positions = min(len(starts), window_words - len(words)) + 1
        text = _insert(text, word, starts, int(rng.integers(n_positions)))
    return text


def _insert(text: str, word: str, starts: Sequence[int], position: int) -> str:
    """The text with `word` before the word number `position`, or behind the last word."""
    if position < len(starts):
        start = starts[position]
        return f"{text[:start]}{word} {text[start:]}"
    body = text.rstrip()
    gap = " " if body else ""
    return f"{body}{gap}{word}{text[len(body) :]}"
