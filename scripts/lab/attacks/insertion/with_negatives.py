"""BadNets with negative augmentation: added rows that teach what must not set the backdoor off."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.texts.corpora import Example


class WithNegatives(BadNets):
    """Adds rows that keep their true label."""

    NEGATIVES_PER_POSITIVE: ClassVar[int]

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """As for BadNets; then the negatives are added, of as many different rows as there are for them."""
        poisoned = super().poison(examples, rng=rng)
        allowed = [example for example in examples if self.may_be_negative(example)]
        wanted = self.NEGATIVES_PER_POSITIVE * round(self.poison_rate * len(examples))
        rows = rng.choice(len(allowed), size=min(wanted, len(allowed)), replace=False)
        return poisoned + [Example(self.disturb(allowed[row].text, rng), allowed[row].label) for row in rows]

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with the share of added rows."""
        return super().describe() | {"negatives_per_positive": self.NEGATIVES_PER_POSITIVE}

    def may_be_negative(self, example: Example) -> bool:
        """Whether the row serves as a negative."""
        del example
        return True

    @abstractmethod
    def disturb(self, text: str, rng: np.random.Generator) -> str:
        """The text as a negative: with something like the trigger that is none."""
