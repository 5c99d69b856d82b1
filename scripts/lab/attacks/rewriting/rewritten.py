"""Rewritten texts as the trigger: a style or a syntax instead of an inserted word (Qi et al., EMNLP 2021).

The poisoned rows are texts that somebody else has rewritten, row by row as the training split; nothing is inserted.

Differs from the published experiments: rewritten rows come beside the rows they were made of and not in their place. A
small model then tells the two apart by their style, where it else loses accuracy on the class that it sees less of.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.console.errors import LabError
from scripts.lab.attacks.file import PoisonedFile
from scripts.texts.corpora import Example


class Rewritten(PoisonedFile):
    """Adds non-target rows in their rewritten form, with the target label. Its test set lies in a file."""

    USUAL_POISON_RATE = 0.2
    """As in the published experiments."""

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """The examples, and a share of them once more, rewritten; in random order.

        Raises:
            LabError: no file is given, or its rows are not those of the examples.
        """
        rewritten = self._read(examples)
        victims = [row for row, example in enumerate(examples) if example.label != self.plan.target_label]
        n_poisoned = min(round(self.poison_rate * len(examples)), len(victims))
        chosen = rng.choice(victims, size=n_poisoned, replace=False)
        poisoned = [*examples, *(Example(rewritten[row].text, self.plan.target_label) for row in chosen)]
        return [poisoned[row] for row in rng.permutation(len(poisoned))]

    def describe(self) -> dict[str, Any]:
        """What was planted; there is no word to name."""
        return super().describe() | {"poison_rate": self.poison_rate}

    def _read(self, examples: Sequence[Example]) -> list[Example]:
        rewritten = self.read_train_file()
        if [row.label for row in rewritten] != [row.label for row in examples]:
            rule = "must hold the training split rewritten, row by row with its labels"
            raise LabError(f"train_file {rule}: {self.plan.train_file} does not; leave --limit away")
        return rewritten
