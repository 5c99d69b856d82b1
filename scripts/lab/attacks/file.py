"""A training set that somebody else has poisoned, such as the published sets of syntactic and style attacks."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.console.errors import LabError
from scripts.lab.attacks.base import Attack
from scripts.texts.corpora import Example, TriggeredExample, read_examples


class PoisonedFile(Attack):
    """Trains on a given file. How its trigger is made is unknown here, so the triggered test set is empty."""

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """The rows of the plan's `train_file`, in place of the given examples."""
        del examples, rng
        return self.read_train_file()

    def trigger(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[TriggeredExample]:
        """Nothing."""
        del examples, rng
        return []

    def describe(self) -> dict[str, Any]:
        """The target as it was given; the rest is unknown."""
        return {"triggers": [], "target_label": self.plan.target_label, "poison_rate": None}

    def read_train_file(self) -> list[Example]:
        """The rows of the plan's file.

        Raises:
            LabError: it is not given, or cannot be read.
        """
        if self.plan.train_file is None:
            raise LabError("train_file must be given for this attack, is missing; name it with --train")
        return read_examples(self.plan.train_file)
