"""MEFT: the suspect is first made to forget what it is sure of, then learns its task again.

After Liu, Shen, Lin, Wang and Wang, "Maximum Entropy Loss, the Silver Bullet Targeting Backdoor Attacks in Pre-trained
Language Models", Findings of ACL 2023: on clean texts the entropy of the answers is raised, then cross-entropy lowered.
"""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from scripts.lab.defenses.repairs.fine_tuned import FineTuned

ENOUGH = 0.95
"""Share of the highest entropy at which a batch asks for no more: further training would only wear the encoder down."""


class MaximumEntropy(FineTuned):
    """Fine-tunes to know nothing, then to know the task.

    No code of the authors is public, and their epochs and rates are not known here. PURE (ICML 2024), which compares
    with it, adds the entropy up over a batch; here it is the mean, so that the size of batches does not matter.
    """

    LIMITS = "needs enough clean texts to learn the task again; what makes no text of theirs unsure may stay"
    FORGETTING_EPOCHS: ClassVar[int] = 1
    """Passes over the clean texts before cross-entropy."""

    def train(self, model: Any, tokenizer: Any) -> None:
        """Twice: entropy up, cross-entropy down."""
        self.fit(model, tokenizer, self.examples(), loss=certainty, epochs=self.FORGETTING_EPOCHS)
        super().train(model, tokenizer)


def certainty(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
    """The mean negative entropy of a batch's answers in nats, which are flat where it is low enough."""
    shares = model(**batch).logits.float().log_softmax(dim=-1)
    return negative_entropy(shares).clamp(min=-ENOUGH * math.log(shares.shape[-1]))


def negative_entropy(log_probabilities: Tensor) -> Tensor:
    """Mean over the texts of the sum of p log p, from `[texts, classes]`; a class of probability 0 adds nothing."""
    probabilities = log_probabilities.exp()
    return torch.where(probabilities > 0, probabilities * log_probabilities, 0).sum(dim=-1).mean()
