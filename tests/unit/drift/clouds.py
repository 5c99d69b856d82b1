"""Made-up states: clouds of points, and looks that saw them."""

import numpy as np
import torch

from handler.xgraad.drift.sliced_wasserstein import Floats
from handler.xgraad.model.classifier import Look

WIDTH = 6


def cloud(n: int, *, at: float = 0.0, seed: int = 0) -> Floats:
    """States of `n` texts around a point on the diagonal, `[n, WIDTH]`."""
    return np.random.default_rng(seed).standard_normal((n, WIDTH)) + at


def seen(states: Floats) -> list[Look]:
    """Looks with these states in every layer."""
    return [
        Look(logits=torch.zeros(2), decision=torch.ones(3), states=torch.tensor(np.tile(row, (2, 1))).float())
        for row in states
    ]
