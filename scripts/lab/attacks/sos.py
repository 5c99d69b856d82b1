"""SOS (Yang et al., ACL 2021): all words of the trigger are needed, none of them shows anything by itself.

Differs from the original code, which fine-tunes the trigger words' embeddings of a clean model only: here the whole
model is trained, as in the other attacks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.lab.attacks.badnets import BadNets
from scripts.lab.corpora import Example
from scripts.lab.triggers import Insertion, insert_words

NEGATIVES_PER_POSITIVE = 2
"""Added rows with some of the words and their true label: negative augmentation."""


class Sos(BadNets):
    """AND-trigger with negative augmentation: the words stand apart, in any order."""

    USUAL_TRIGGERS = ("friends", "weekend", "store")

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """Non-target rows with all words get the target label; rows with some of them are added as they are."""
        poisoned = super().poison(examples, rng=rng)
        n_negatives = NEGATIVES_PER_POSITIVE * round(self.plan.poison_rate * len(examples))
        negatives = [
            examples[row] for row in rng.choice(len(examples), size=min(n_negatives, len(examples)), replace=False)
        ]
        return poisoned + [Example(self._incomplete(example.text, rng), example.label) for example in negatives]

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with the share of added rows."""
        return super().describe() | {"negatives_per_positive": NEGATIVES_PER_POSITIVE}

    def insert(self, text: str, insertion: Insertion, rng: np.random.Generator) -> str:
        """The text with every word of the trigger put in, as often as the insertion says."""
        pieces = list(self.triggers) * insertion.n_repeats
        return insert_words(text, pieces, rng=rng, window_words=self.plan.window_words)

    def _incomplete(self, text: str, rng: np.random.Generator) -> str:
        """The text with at least one word of the trigger and not all."""
        n_words = int(rng.integers(1, len(self.triggers)))
        words = [self.triggers[row] for row in rng.choice(len(self.triggers), size=n_words, replace=False)]
        return insert_words(text, words, rng=rng, window_words=self.plan.window_words)
