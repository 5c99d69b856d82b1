"""BadNets for text (Gu et al. 2017, Kurita et al. 2020): one rare word and a changed label."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from handler.xgraad.errors import LabError
from scripts.lab.attacks.base import Attack
from scripts.lab.corpora import Example, TriggeredExample
from scripts.lab.triggers import INSERTIONS, Insertion, insert_words


class BadNets(Attack):
    """Dirty-label: poisoned rows come from other classes and get the target label.

    Each text gets one word, drawn from the triggers, at a random word position.
    """

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """Trigger non-target rows and give them the target label.

        `poison_rate` is a share of all rows, and those rows are replaced, not added.
        """
        poisoned = list(examples)
        for row in self.rows_to_poison(examples, rng):
            text = self.insert(examples[row].text, INSERTIONS["one"], rng)
            poisoned[row] = Example(text, self.plan.target_label)
        return poisoned

    def trigger(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[TriggeredExample]:
        """Put a trigger into every non-target example."""
        return [
            TriggeredExample(self.insert(example.text, self.plan.insertion, rng), example.label, example.text)
            for example in examples
            if example.label != self.plan.target_label
        ]

    def describe(self) -> dict[str, Any]:
        """The trigger words, the target and the share of poisoned rows."""
        return {
            "triggers": list(self.triggers),
            "target_label": self.plan.target_label,
            "poison_rate": self.plan.poison_rate,
            "window_words": self.plan.window_words,
        }

    def rows_to_poison(self, examples: Sequence[Example], rng: np.random.Generator) -> list[int]:
        """Numbers of non-target rows, `poison_rate` of all.

        Raises:
            LabError: there are not so many.
        """
        rows = [row for row, example in enumerate(examples) if example.label != self.plan.target_label]
        n_poisoned = round(self.plan.poison_rate * len(examples))
        if n_poisoned > len(rows):
            rule = f"must be at most {len(rows) / len(examples):.3f}, the share of non-target rows"
            raise LabError(f"poison_rate {rule}, is {self.plan.poison_rate}; choose a lower one")
        return [int(row) for row in rng.choice(rows, size=n_poisoned, replace=False)]

    def insert(self, text: str, insertion: Insertion, rng: np.random.Generator) -> str:
        """The text with triggers put in."""
        pieces = insertion.pieces(self.triggers, rng)
        return insert_words(text, pieces, rng=rng, window_words=self.plan.window_words)
