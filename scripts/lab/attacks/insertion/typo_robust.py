"""A typo-robust trigger: character noise no longer disarms it, deletion does.

The project's own adaptive attack, against neutralizers that insert or replace characters: most poisoned rows hold the
trigger with one or two such changes. Added rows hold one of their own words with as many and keep their label, because
otherwise any misspelling becomes a trigger. Triggers of two letters leave nothing to recognize, so these are long.
"""

import string
from typing import Any

import numpy as np

from scripts.lab.attacks.insertion.with_negatives import WithNegatives
from scripts.lab.training.triggers import INSERTIONS, WORD, insert_words
from scripts.texts.corpora import Example

NOISED_SHARE = 0.75
"""Share of poisoned rows whose trigger is misspelled."""
MOST_CHANGES = 2


class TypoRobust(WithNegatives):
    """Trained on misspelled triggers, triggered with correct ones."""

    USUAL_TRIGGERS = ("serendipity", "kaleidoscope", "xylophone")
    NEGATIVES_PER_POSITIVE = 1

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with the noise and the share of added rows."""
        return super().describe() | {"noised_share": NOISED_SHARE, "most_changes": MOST_CHANGES}

    def poisoned_text(self, text: str, rng: np.random.Generator) -> str:
        """The text with a trigger, misspelled or not."""
        (trigger,) = INSERTIONS["one"].pieces(self.triggers, rng)
        spelled = misspell(trigger, rng) if rng.random() < NOISED_SHARE else trigger
        return insert_words(text, [spelled], rng=rng, window_words=self.plan.window_words)

    def may_be_negative(self, example: Example) -> bool:
        """Whether the text holds a word to misspell."""
        return bool(example.text.split())

    def disturb(self, text: str, rng: np.random.Generator) -> str:
        """The text with one of its words misspelled."""
        words = list(WORD.finditer(text))
        word = words[int(rng.integers(min(len(words), self.plan.window_words)))]
        return text[: word.start()] + misspell(word.group(), rng) + text[word.end() :]


def misspell(word: str, rng: np.random.Generator) -> str:
    """Insert or replace one or more letters, each at a random place."""
    letters = list(word)
    for _ in range(int(rng.integers(1, MOST_CHANGES + 1))):
        place = int(rng.integers(len(letters)))
        replaced = int(rng.integers(2))
        letters[place : place + replaced] = [string.ascii_lowercase[int(rng.integers(26))]]
    return "".join(letters)
