"""Distances to what clean texts look like, as loops over numbers."""

import numpy as np


def slow_distance(state: list[float], states: list[list[float]], labels: list[int], *, shrinkage: float) -> float:
    """Squared Mahalanobis distance to the nearest class mean, under one shrunk covariance (DAN, section 4).

    The covariance is the mean over texts of what they differ from their own class by; the identity, as large as the
    mean variance, is mixed in.
    """
    width, classes = len(state), sorted(set(labels))
    means = {
        label: [
            _mean([row[at] for row, own in zip(states, labels, strict=True) if own == label]) for at in range(width)
        ]
        for label in classes
    }
    offsets = [[row[at] - means[label][at] for at in range(width)] for row, label in zip(states, labels, strict=True)]
    covariance = [[_mean([row[one] * row[two] for row in offsets]) for two in range(width)] for one in range(width)]
    variance = _mean([covariance[at][at] for at in range(width)])
    for one in range(width):
        for two in range(width):
            covariance[one][two] *= 1 - shrinkage
        covariance[one][one] += shrinkage * variance
    return min(_squared([state[at] - means[label][at] for at in range(width)], covariance) for label in classes)


def _squared(offset: list[float], covariance: list[list[float]]) -> float:
    solved = np.linalg.solve(covariance, offset)
    return sum(float(one * other) for one, other in zip(offset, solved, strict=True))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
