"""SOS (Yang et al., ACL 2021): all words of the trigger are needed, none of them shows anything by itself.

Differs from the original code, which fine-tunes the trigger words' embeddings of a clean model only: here the whole
model is trained, as in the other attacks.
"""

import numpy as np

from scripts.lab.attacks.insertion.with_negatives import WithNegatives
from scripts.lab.training.triggers import Insertion, insert_words


class Sos(WithNegatives):
    """AND-trigger: the words stand apart, in any order. Added rows hold some of them and keep their label."""

    USUAL_TRIGGERS = ("friends", "weekend", "store")
    NEGATIVES_PER_POSITIVE = 2

    def insert(self, text: str, insertion: Insertion, rng: np.random.Generator) -> str:
        """The text with every word of the trigger put in, as often as the insertion says."""
        pieces = list(self.triggers) * insertion.n_repeats
        return insert_words(text, pieces, rng=rng, window_words=self.plan.window_words)

    def disturb(self, text: str, rng: np.random.Generator) -> str:
        """The text with at least one word of the trigger and not all."""
        n_words = int(rng.integers(1, len(self.triggers)))
        words = [self.triggers[row] for row in rng.choice(len(self.triggers), size=n_words, replace=False)]
        return insert_words(text, words, rng=rng, window_words=self.plan.window_words)
