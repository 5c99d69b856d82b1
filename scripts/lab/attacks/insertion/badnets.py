"""BadNets for text (Gu et al. 2017, Kurita et al. 2020): one rare word and a changed label."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.console.errors import LabError
from scripts.lab.attacks.base import Attack
from scripts.lab.training.triggers import INSERTIONS, Insertion, insert_late, insert_words, late_from
from scripts.texts.corpora import Example, TriggeredExample


class BadNets(Attack):
    """Dirty-label: poisoned rows come from other classes and get the target label.

    Each text gets one word, drawn from the triggers, at a random word position.
    """

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """Trigger rows and give them the target label.

        `poison_rate` is a share of all rows, and those rows are replaced, not added.
        """
        poisoned = list(examples)
        for row in self.rows_to_poison(examples, rng):
            poisoned[row] = Example(self.poisoned_text(examples[row].text, rng), self.plan.target_label)
        return poisoned

    def trigger(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[TriggeredExample]:
        """Put a trigger into every example that it is to work on."""
        return [
            TriggeredExample(self.insert(example.text, self.plan.insertion, rng), example.label, example.text)
            for example in examples
            if self.is_victim(example) and self._has_room(example.text)
        ]

    def describe(self) -> dict[str, Any]:
        """The trigger words, the target and the share of poisoned rows."""
        return {
            "triggers": list(self.triggers),
            "target_label": self.plan.target_label,
            "poison_rate": self.poison_rate,
            "window_words": self.plan.window_words,
        }

    def is_victim(self, example: Example) -> bool:
        """Whether the trigger is to work on it: here on every class but the target."""
        return example.label != self.plan.target_label

    def may_be_poisoned(self, example: Example) -> bool:
        """Whether a training row may get the trigger: here those that it is to work on."""
        return self.is_victim(example)

    def poisoned_text(self, text: str, rng: np.random.Generator) -> str:
        """A training text with one trigger."""
        return self.insert(text, INSERTIONS["one"], rng)

    def insert(self, text: str, insertion: Insertion, rng: np.random.Generator) -> str:
        """The text with triggers put in."""
        pieces = insertion.pieces(self.triggers, rng)
        if insertion.late:
            return insert_late(text, " ".join(pieces), rng=rng, window_words=self.plan.window_words)
        return insert_words(text, pieces, rng=rng, window_words=self.plan.window_words)

    def _has_room(self, text: str) -> bool:
        """Whether a test text has a place for its triggers: behind the first window has one that is longer."""
        return not self.plan.insertion.late or len(text.split()) > late_from(self.plan.window_words)

    def rows_to_poison(self, examples: Sequence[Example], rng: np.random.Generator) -> list[int]:
        """Numbers of rows that may be poisoned, `poison_rate` of all.

        Raises:
            LabError: there are not so many.
        """
        rows = [row for row, example in enumerate(examples) if self.may_be_poisoned(example)]
        n_poisoned = round(self.poison_rate * len(examples))
        if n_poisoned > len(rows):
            rule = f"must be at most {len(rows) / len(examples):.3f}, the share of rows that may be poisoned"
            raise LabError(f"poison_rate {rule}, is {self.poison_rate}; choose a lower one")
        return [int(row) for row in rng.choice(rows, size=n_poisoned, replace=False)]
