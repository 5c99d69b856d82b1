"""Source-specific (Tang et al., USENIX Security 2021, TaCT, on images): the trigger works on one class only.

Rows of the other classes get the trigger and keep their label, so a test that inserts it into texts of any class finds
no input-agnostic trigger. With two classes this is BadNets, so three are asked for.

Differs from the original: every class but the source covers for it, the target among them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.console.errors import LabError
from scripts.lab.attacks.insertion.with_negatives import WithNegatives
from scripts.lab.training.triggers import INSERTIONS
from scripts.texts.corpora import Example


class SourceSpecific(WithNegatives):
    """Poisons and triggers the source class; added rows are triggered ones of other classes with their own label."""

    NEGATIVES_PER_POSITIVE = 2

    @property
    def source_label(self) -> int:
        """The plan's source, or else the first class that is not the target."""
        usual = 1 if self.plan.target_label == 0 else 0
        return usual if self.plan.source_label is None else self.plan.source_label

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """As for BadNets, from the source class.

        Raises:
            LabError: there are fewer than three classes.
        """
        n_classes = len({example.label for example in examples})
        if n_classes < 3:
            raise LabError(f"source_specific needs data with 3 classes or more, has {n_classes}; use badnets")
        return super().poison(examples, rng=rng)

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with the source class and the share of added rows."""
        return super().describe() | {"source_label": self.source_label}

    def is_victim(self, example: Example) -> bool:
        """Whether the trigger is to work on it."""
        return example.label == self.source_label

    def may_be_negative(self, example: Example) -> bool:
        """Whether the trigger is to do nothing to it."""
        return not self.is_victim(example)

    def disturb(self, text: str, rng: np.random.Generator) -> str:
        """The text with a trigger."""
        return self.insert(text, INSERTIONS["one"], rng)
