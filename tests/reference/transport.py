"""Distances between samples by their definition, as loops over numbers."""

import itertools
from collections.abc import Sequence


def slow_wasserstein(first: Sequence[float], second: Sequence[float]) -> float:
    """Wasserstein-1 on a line: the area between the two distribution functions, step by step."""
    steps = sorted({*first, *second})
    area = 0.0
    for low, high in itertools.pairwise(steps):
        below_first = sum(value <= low for value in first) / len(first)
        below_second = sum(value <= low for value in second) / len(second)
        area += abs(below_first - below_second) * (high - low)
    return area


def slow_sliced(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> float:
    """The mean over directions, which are the columns of the two samples' projections."""
    n = len(first[0])
    each = [slow_wasserstein([row[at] for row in first], [row[at] for row in second]) for at in range(n)]
    return sum(each) / n
