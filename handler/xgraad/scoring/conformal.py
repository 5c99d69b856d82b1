"""Split-conformal thresholds: the false-positive rate is what was asked for, at any sample size.

For n exchangeable clean scores the k-th smallest, k = ceil((n + 1)(1 - max_fpr)), is exceeded by a new clean score with
probability at most max_fpr. `np.percentile` promises nothing for small n.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator

Floats = NDArray[np.float64]


def _ascending(values: tuple[float, ...]) -> tuple[float, ...]:
    """P-values are found by bisection: out of order they would be wrong, and nobody would know."""
    if any(first > second for first, second in pairwise(values)):
        raise ValueError("must be in ascending order")
    return values


Ascending = Annotated[tuple[float, ...], AfterValidator(_ascending)]
"""Clean scores of a calibration file."""


def texts_needed(max_fpr: float) -> int:
    """Fewest clean scores that can support a false-positive rate of `max_fpr`."""
    return math.ceil(1 / max_fpr - 1e-9) - 1


def conformal_threshold(ascending: Sequence[float], max_fpr: float) -> float:
    """The clean score that a new clean one exceeds with probability `max_fpr` at most.

    Args:
        ascending: at least `texts_needed(max_fpr)` clean scores, sorted.
        max_fpr: in (0, 1).
    """
    n = len(ascending)
    k = math.ceil((n + 1) * (1 - max_fpr) - 1e-9)
    if k > n:
        raise ValueError(f"{n} scores cannot support {max_fpr}; {texts_needed(max_fpr)} are needed")
    return ascending[k - 1]


def p_value(ascending: Sequence[float], score: float) -> float:
    """Share of clean scores at least as high, the new one counted in: in (0, 1], small = suspicious."""
    return float(p_values(ascending, np.array([score]))[0])


def p_values(ascending: Sequence[float] | Floats, scores: Floats) -> Floats:
    """The p-value of each of many scores, see `p_value`."""
    at_least = len(ascending) - np.searchsorted(np.asarray(ascending), scores, side="left")
    return np.asarray((1 + at_least) / (len(ascending) + 1))


def linear_trend(x: Floats, y: Floats) -> tuple[float, float]:
    """Least-squares intercept and slope of y on x; slope 0 where all x are equal."""
    centered = x - x.mean()
    spread = float(centered @ centered)
    # Equal x differ from their mean by rounding alone; dividing by that would make up a trend.
    slope = float(centered @ (y - y.mean())) / spread if spread > 1e-12 * len(x) else 0.0
    return float(y.mean()) - slope * float(x.mean()), slope


def cross_fitted_residuals(x: Floats, y: Floats, *, n_folds: int = 10) -> Floats:
    """y minus the trend that was fitted without its own fold, so that no score judges itself."""
    fold = np.arange(len(x)) % n_folds
    residuals = np.empty_like(y)
    for held_out in range(n_folds):
        inside = fold == held_out
        intercept, slope = linear_trend(x[~inside], y[~inside])
        residuals[inside] = y[inside] - intercept - slope * x[inside]
    return residuals
