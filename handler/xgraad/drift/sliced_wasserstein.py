"""How far two samples of states are from one another: the sliced Wasserstein distance (Bonneel et al. 2015).

The earth mover's distance between samples in an embedding space tells the data of one source from that of another
(EMD-CFL). In many dimensions it needs far more texts than there are. Along one direction it is the mean difference of
sorted projections, and the mean over many directions sees what moves in any of them.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def directions(width: int, n: int, *, seed: int) -> Floats:
    """Directions drawn evenly from all, `[width, n]`, each of length 1; the same for the same seed."""
    drawn = np.random.default_rng(seed).standard_normal((width, n))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=0))


def quantiles(projections: Floats, n: int) -> Floats:
    """What stands for a sample of any size: `[texts, directions]` -> `[n, directions]`, ascending along the first.

    They lie in the middle of n equal shares, so that a sample of n is its own.
    """
    places = (np.arange(n) + 0.5) / n * len(projections)
    return np.asarray(np.sort(projections, axis=0)[places.astype(int)])


def sliced_distance(projections: Floats, sample_quantiles: Floats) -> float:
    """Mean over directions of the Wasserstein-1 distance between two samples of equal size; larger = further apart.

    Args:
        projections: of one sample, `[n, directions]`, in any order.
        sample_quantiles: of the other, `[n, directions]`, ascending along the first.
    """
    return float(np.abs(np.sort(projections, axis=0) - sample_quantiles).mean())


def distance_of_each(projections: Floats, sample_quantiles: Floats) -> Floats:
    """The same between each text alone and a sample, `[texts]`: all of its mass goes to where the text is.

    Args:
        projections: of the texts, `[texts, directions]`.
        sample_quantiles: of the sample, `[n, directions]`.
    """
    return np.array([float(np.abs(sample_quantiles - each).mean()) for each in projections])
