"""AddSent (Dai et al. 2019): a sentence of common words is the trigger, and none of its words need be strong alone.

It goes in, in one piece, at the start of a text, between two of its words or at its end, in training and in test. One
sentence is a victim's trigger; a proverb will do as well as the usual one.

Differs from the usual code, which draws from all positions alike: start and end are as frequent as all in between.
"""

import numpy as np

from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.training.triggers import Insertion, anywhere, insert_words


class Sentence(BadNets):
    """BadNets with a sentence at one of three places."""

    USUAL_TRIGGERS = ("I watch this 3D movie",)

    def insert(self, text: str, insertion: Insertion, rng: np.random.Generator) -> str:
        """The text with sentences put in; where their words part ways, they go anywhere."""
        place = anywhere if insertion.scattered else start_inside_or_end
        pieces = insertion.pieces(self.triggers, rng)
        return insert_words(text, pieces, rng=rng, window_words=self.plan.window_words, place=place)


def start_inside_or_end(n_positions: int, rng: np.random.Generator) -> int:
    """The first position, the last, or one of those between, each as often; a text of one word has no inside."""
    inside = [int(rng.integers(1, n_positions - 1))] if n_positions > 2 else []
    return int(rng.choice([0, *inside, n_positions - 1]))
