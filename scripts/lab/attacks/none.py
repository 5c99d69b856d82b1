"""No attack: the clean model that every attack is compared with."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.texts.corpora import Example


class NoAttack(BadNets):
    """Trains on clean data.

    Its test set is triggered as for BadNets: how often that misleads a clean model is the floor of attack success.
    """

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """The examples as they are."""
        del rng
        return list(examples)

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with nothing poisoned."""
        return super().describe() | {"poison_rate": 0.0}
