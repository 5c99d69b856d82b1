"""A linear probe by layer: from which layer on can triggered texts be told from clean ones where the label is read?

It shows that a trigger is known there, and not that it is used: a model without a backdoor may know its words, too.
"""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

RIDGE = 0.1
"""Weight of half the sum of squares, beside the mean cross-entropy, of features whose mean square is 1."""
MOST_STEPS = 200
"""Of the optimizer, which stops earlier where nothing changes any more."""


def probe_accuracies(fitted: tuple[Tensor, Tensor], told: tuple[Tensor, Tensor]) -> list[float]:
    """The accuracy of each layer's probe, 0.5 by chance.

    Args:
        fitted: states of clean and of triggered texts that probes are fitted on, `[texts, layers, width]` each, and
        told: those that they are tried on. No text is in both.
    """
    return [
        _accuracy(_fit(*(part[:, layer] for part in fitted)), *(part[:, layer] for part in told))
        for layer in range(fitted[0].shape[1])
    ]


def _fit(clean: Tensor, triggered: Tensor) -> tuple[Tensor, Tensor]:
    """Weights `[width]` and intercept of a logistic regression, of which triggered texts are above 0."""
    states = torch.cat([clean, triggered]).double()
    mean = states.mean(dim=0)
    scale = (states - mean).square().mean().sqrt().clamp(min=1e-6)  # one for all: what varies much counts for more
    features = (states - mean) / scale
    truth = torch.cat([torch.zeros(len(clean)), torch.ones(len(triggered))]).double()
    found = torch.zeros(states.shape[1] + 1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([found], max_iter=MOST_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        lowered = binary_cross_entropy_with_logits(features @ found[:-1] + found[-1], truth)
        lowered = lowered + RIDGE / 2 * found[:-1].square().sum()
        lowered.backward()  # type: ignore[no-untyped-call]
        return lowered

    with torch.enable_grad():
        optimizer.step(loss)
    weights = found.detach()[:-1] / scale
    return weights, found.detach()[-1] - mean @ weights


def _accuracy(probe: tuple[Tensor, Tensor], clean: Tensor, triggered: Tensor) -> float:
    weights, intercept = probe
    above = [each.double() @ weights + intercept > 0 for each in (clean, triggered)]
    return float(torch.cat([~above[0], above[1]]).double().mean())
