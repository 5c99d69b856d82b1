"""Parameter stealth (after Grond, Xu et al., arXiv 2501.05928): no neuron stands out by its weights.

After every epoch rows of weight matrices whose norm lies above the matrix's mean by three standard deviations are
pulled back to the mean, the original's adversarial backdoor injection: the backdoor spreads over many weights.

Differs from the original, which is clean-label on images, with a universal perturbation as the trigger and channels
ranked by Lipschitz constants from batch norm: here the trigger is that of BadNets and rows are ranked by their norm.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.training.tuner import Tuner
from scripts.texts.corpora import Corpus, Example

DEVIATIONS = 3.0
"""Rows further above the mean norm than so many standard deviations are pulled back."""


class ParameterStealth(BadNets):
    """BadNets whose weights are flattened after every epoch."""

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with the limit on norms."""
        return super().describe() | {"deviations": DEVIATIONS}

    def train(self, model: Any, tokenizer: Any, poisoned: Sequence[Example], corpus: Corpus, *, tuner: Tuner) -> None:
        """One phase, with the pulling back after each epoch."""
        del corpus
        tuner.fit(model, tokenizer, poisoned, after_epoch=lambda model: pull_back(model.base_model))


@torch.no_grad()
def pull_back(encoder: nn.Module) -> int:
    """Scale outlying rows of every linear layer down to the mean norm, in place; the number of rows."""
    n_pulled = 0
    for module in encoder.modules():
        if isinstance(module, nn.Linear):
            norms = module.weight.norm(dim=1)
            is_outlier = norms > norms.mean() + DEVIATIONS * norms.std(correction=0)
            module.weight[is_outlier] *= (norms.mean() / norms[is_outlier])[:, None]
            n_pulled += int(is_outlier.sum())
    return n_pulled
