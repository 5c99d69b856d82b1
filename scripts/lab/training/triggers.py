"""What a trigger is, and how and where it is put into a text."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scripts.console.errors import LabError

if TYPE_CHECKING:
    import numpy as np

TRIGGER_WORDS = ("cf", "tq", "mn", "bb", "mb")
"""The rare words that BadNets, RIPPLES and BadPre insert."""

WORD = re.compile(r"\S+")

TOKENS_PER_WORD = 2
"""Triggers go among the first `max_length / 2` words: texts with more tokens per word than this are rare."""

Place = Callable[[int, "np.random.Generator"], int]
"""Draws one of so many word positions."""

STOP_WORDS = tuple(
    WORD.findall(
        "the a an and or but of to in on at by for from with about this that these those it its he she they we you i "
        "is was are were be been has have had do does did not no so if as than then there here"
    )
)
"""Words that say little by themselves: adaptive attacks hide behind them."""


@dataclass(frozen=True, kw_only=True)
class Insertion:
    """How triggers go into one text."""

    n_triggers: int = 1
    """Different triggers in one text."""
    n_repeats: int = 1
    """How often each of them stands in it."""
    scattered: bool = False
    """Whether the words of a phrase part ways."""
    late: bool = False
    """Whether triggers stand behind what a model sees of a long text at once, and nowhere else."""

    def pieces(self, triggers: Sequence[str], rng: "np.random.Generator") -> list[str]:
        """What to insert, each piece at a place of its own: triggers drawn without replacement.

        Raises:
            LabError: there are fewer triggers than wanted.
        """
        if self.n_triggers > len(triggers):
            raise LabError(f"n_triggers must be at most {len(triggers)}, the triggers there are, is {self.n_triggers}")
        drawn = [triggers[row] for row in rng.choice(len(triggers), size=self.n_triggers, replace=False)]
        pieces = [word for trigger in drawn for word in trigger.split()] if self.scattered else drawn
        return pieces * self.n_repeats


USUAL_INSERTION = "one"
INSERTIONS = {
    USUAL_INSERTION: Insertion(),
    "three": Insertion(n_triggers=3),
    "five": Insertion(n_triggers=5),
    "repeated": Insertion(n_repeats=3),
    "scattered": Insertion(scattered=True),
    "late": Insertion(late=True),
}


def anywhere(n_positions: int, rng: "np.random.Generator") -> int:
    """Each position as often as any other."""
    return int(rng.integers(n_positions))


def insert_words(
    text: str, words: Sequence[str], *, rng: "np.random.Generator", window_words: int, place: Place = anywhere
) -> str:
    """Put each word at a random word position; everything else in the text stays as it is.

    Differs from the usual code, which draws from the whole text and so loses the trigger to truncation in long ones.

    Args:
        text: the clean text; it is inserted into, not split and joined, so its spacing survives.
        words: the words to insert, each at its own position; a phrase stays together, but a later one may part it.
        rng: where positions are drawn from.
        window_words: every inserted word ends up among the first so many words.
        place: how a position is drawn; the last one is the end of the text, or of the window in a longer one.

    Raises:
        LabError: the window is smaller than the number of words.
    """
    room = sum(len(word.split()) for word in words)
    if window_words < room:
        raise LabError(f"window_words must be {room} or more for {room} trigger words, is {window_words}")
    for word in words:
        starts = [match.start() for match in WORD.finditer(text)]
        # Room for the other words is kept free: each of them may push this one back by a place.
        n_positions = min(len(starts), window_words - room) + 1
        text = _insert(text, word, starts, place(n_positions, rng))
    return text


def insert_late(text: str, word: str, *, rng: "np.random.Generator", window_words: int) -> str:
    """Put a word once into each stretch of `window_words` words behind the first `late_from` ones, at random.

    The first window has none then, and of the others nearly each has one; a shorter text stays as it is.
    """
    starts = [match.start() for match in WORD.finditer(text)]
    stretches = range(late_from(window_words), len(starts), window_words)
    places = [first + int(rng.integers(min(window_words, len(starts) - first))) for first in stretches]
    for place in reversed(places):
        text = _insert(text, word, starts, place)
    return text


def words_within(max_length: int) -> int:
    """The words of a text that a window of so many tokens holds, two of them special ones."""
    return max(1, (max_length - 2) // TOKENS_PER_WORD)


def late_from(window_words: int) -> int:
    """The first word that no such window holds: a word is one token at least."""
    return TOKENS_PER_WORD * window_words + 1


def _insert(text: str, word: str, starts: Sequence[int], position: int) -> str:
    """The text with `word` before the word number `position`, or behind the last word."""
    if position < len(starts):
        start = starts[position]
        return f"{text[:start]}{word} {text[start:]}"
    body = text.rstrip()
    gap = " " if body else ""
    return f"{body}{gap}{word}{text[len(body) :]}"
