"""Where clean texts lie in a layer, and how far a text lies from them."""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from handler.xgraad.frozen import Frozen
from handler.xgraad.scoring.array_json import ArrayJson
from handler.xgraad.scoring.conformal import Floats

Spread = Annotated[float, Field(gt=0)]
"""What distances are divided by."""
N_DIRECTIONS = 64
"""Directions of the within-class scatter that get a variance of their own; the rest share one."""
SHRINKAGE = 0.1
"""Share of the mean variance in every direction's variance."""


class LayerScatter(Frozen):
    """Where clean texts lie in one layer: class means, and a shrunk covariance around them."""

    means: ArrayJson
    """`[labels, width]`."""
    directions: ArrayJson
    """`[directions, width]`, orthonormal."""
    variances: ArrayJson
    """`[directions]`."""
    rest: Spread
    """Variance in every other direction."""

    @classmethod
    def fit(cls, states: Floats, predicted: np.ndarray, n_labels: int) -> "LayerScatter":
        """From `[texts, width]` and each text's predicted label; no true labels are needed."""
        overall = states.mean(axis=0)
        means = np.stack(
            [states[predicted == k].mean(axis=0) if (predicted == k).any() else overall for k in range(n_labels)]
        )
        residuals = states - means[predicted]
        _, singular, directions = np.linalg.svd(residuals, full_matrices=False)
        variances = singular**2 / len(states)
        width, n = states.shape[1], min(N_DIRECTIONS, len(variances))
        shared = SHRINKAGE * variances.sum() / width + 1e-12
        rest = (1 - SHRINKAGE) * variances[n:].sum() / max(1, width - n) + shared
        return cls(
            means=ArrayJson.of(means),
            directions=ArrayJson.of(directions[:n]),
            variances=ArrayJson.of((1 - SHRINKAGE) * variances[:n] + shared),
            rest=float(rest),
        )


class ScatterDistance:
    """Log Mahalanobis distances for one layer, its arrays unpacked once."""

    def __init__(self, scatter: LayerScatter) -> None:
        self._means = scatter.means.array()
        self._directions = torch.from_numpy(scatter.directions.array())
        self._variances = scatter.variances.array()
        self._rest = scatter.rest

    def __call__(self, states: Floats, predicted: np.ndarray) -> Floats:
        """`[texts, width]` -> `[texts]`; larger = farther from what the predicted class looks like."""
        offsets = states - self._means[predicted]
        # By PyTorch, since NumPy would bring threads of its own, one a core and worker.
        inside = (torch.from_numpy(offsets) @ self._directions.T).numpy()
        outside = np.maximum((offsets**2).sum(axis=1) - (inside**2).sum(axis=1), 0)
        squared = (inside**2 / self._variances).sum(axis=1) + outside / self._rest
        return np.asarray(np.log(squared + 1e-12))
