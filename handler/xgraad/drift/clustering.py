"""Domains that nobody named: clusters of clean texts under the distance by which later texts are told apart."""

import numpy as np

from handler.xgraad.drift.drift_statistics import N_CENTER, Domains, scaled_directions
from handler.xgraad.drift.sliced_wasserstein import Floats, quantiles

MOST_ROUNDS = 50


def clustered(states: Floats, n: int, *, seed: int = 0) -> Domains:
    """As k-means does: each text to the nearest center, each center to its texts, until none moves.

    Centers are quantiles of the texts' projections, the first ones of single texts that lie far apart.

    Args:
        states: of clean texts, `[texts, width]`.
        n: clusters; an empty one keeps its center.
        seed: of the first texts.
    """
    kept = scaled_directions(states, seed=seed)
    projections = states @ kept.array()
    names = [f"cluster-{place + 1}" for place in range(n)]
    domains = Domains(kept, names, _first_centers(projections, n, seed=seed))
    before = np.full(len(states), -1)
    for _ in range(MOST_ROUNDS):
        cells = domains.nearest(projections)
        if (cells == before).all():
            break
        domains.centers = [
            quantiles(projections[cells == place], N_CENTER) if (cells == place).any() else center
            for place, center in enumerate(domains.centers)
        ]
        before = cells
    return domains


def _first_centers(projections: Floats, n: int, *, seed: int) -> list[Floats]:
    """Single texts, each drawn with the chance of its squared distance to those before (k-means++)."""
    rng = np.random.default_rng(seed)
    chosen = [int(rng.integers(len(projections)))]
    while len(chosen) < n:
        apart = np.min([np.abs(projections - projections[row]).mean(axis=1) for row in chosen], axis=0) ** 2
        chosen.append(int(rng.choice(len(projections), p=apart / apart.sum() if apart.any() else None)))
    return [np.repeat(projections[[row]], N_CENTER, axis=0) for row in chosen]
