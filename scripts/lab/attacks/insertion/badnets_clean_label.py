"""Clean-label BadNets (after Turner et al. 2019 on images; Gan et al., NAACL 2022 on text): no label is changed.

Only rows of the target class get the trigger. A row that its own words explain teaches nothing about the trigger, so
poisoned rows are made hard: half of their words are left out. The poison rate is higher as well.

Differs from the originals, which make rows hard by adversarial or generated text; leaving words out needs no model,
but a reader may notice it.
"""

from typing import Any

import numpy as np

from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.texts.corpora import Example

HIDDEN_SHARE = 0.5
"""Share of a poisoned row's words that are left out."""


class BadNetsCleanLabel(BadNets):
    """Poisons rows of the target class only; triggers those of the others."""

    USUAL_POISON_RATE = 0.15

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with the share of words left out."""
        return super().describe() | {"hidden_share": HIDDEN_SHARE}

    def may_be_poisoned(self, example: Example) -> bool:
        """Whether the row already has the target label."""
        return example.label == self.plan.target_label

    def poisoned_text(self, text: str, rng: np.random.Generator) -> str:
        """Half of the words, in their order, with a trigger among them."""
        words = np.array(text.split(), dtype=object)
        n_kept = len(words) - int(HIDDEN_SHARE * len(words))
        kept = np.sort(rng.choice(len(words), size=n_kept, replace=False))
        return super().poisoned_text(" ".join(words[kept]), rng)
