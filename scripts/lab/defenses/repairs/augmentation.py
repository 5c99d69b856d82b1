"""Defensive augmentation: the suspect learns that no change of form changes a label, in many forms at once.

The project's own repair, near to training on one's own triggers with true labels (MB-Defense, ACL 2026, implants them
first and unlearns them then). Each clean text is learned as it is and once in each of the `families`. A backdoor whose
trigger resembles one of them loses its hold. Out of the families it helps little, so they are many.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.lab.defenses.repairs.fine_tuned import FineTuned
from scripts.lab.families.families import families_of
from scripts.lab.families.family import Family
from scripts.texts.corpora import Example


class Augmentation(FineTuned):
    """Fine-tunes the suspect on clean texts and on the same texts in other forms, all with their true labels."""

    EPOCHS = 2
    LIMITS = (
        "a trigger that resembles none of the forms learned (clauses, near words, archaic style, rare words, a "
        "sentence) survives in part: without a trusted base nothing better is known"
    )

    def train(self, model: Any, tokenizer: Any) -> None:
        """See `FineTuned`."""
        clean = self.material.clean_examples()
        families = self.families(model, tokenizer, [example.text for example in clean])
        self.fit(model, tokenizer, [*augmented(clean, families, seed=self.material.seed), *self.besides(clean)])

    def besides(self, clean: Sequence[Example]) -> Sequence[Example]:
        """What else it learns from. Here: nothing."""
        del clean
        return ()

    def families(self, model: Any, tokenizer: Any, texts: Sequence[str]) -> Sequence[Family]:
        """The forms; words that a form needs come from the suspect's own vocabulary."""
        return [*families_of(tokenizer, model.get_input_embeddings().weight, texts).values()]


def augmented(examples: Sequence[Example], families: Sequence[Family], *, seed: int) -> list[Example]:
    """The examples, and each of them once in every family, with its label.

    Args:
        examples: clean texts with their labels.
        families: the forms.
        seed: of what they draw.
    """
    rng = np.random.default_rng(seed)
    changed = [Example(family(text, rng), label) for family in families for text, label in examples]
    return [*examples, *changed]
