"""What of a text is watched."""

from collections.abc import Sequence

import torch
from torch import Tensor

from handler.xgraad.drift.sliced_wasserstein import Floats
from handler.xgraad.model.classifier import Look

LAYER = 0
"""Of those that a look keeps the earliest: the last ones of a classifier know little of a text but its label."""


def watched_states(looks: Sequence[Look]) -> Tensor:
    """The state that the label is read of, in one layer, `[texts, width]`; float64 on the CPU."""
    return torch.stack([look.states[LAYER] for look in looks]).double()


def projections(looks: Sequence[Look], directions: Floats) -> Floats:
    """Of these states on `[width, directions]`: `[texts, directions]`.

    By PyTorch, since NumPy would bring threads of its own, one a core and worker.
    """
    return (watched_states(looks) @ torch.from_numpy(directions)).numpy()
