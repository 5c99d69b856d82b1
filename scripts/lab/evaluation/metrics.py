"""Figures of merit as functions of arrays. Rates are fractions in [0, 1]; higher scores are more suspicious."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scripts.console.errors import LabError


class Interval(NamedTuple):
    """Bounds of a rate."""

    low: float
    high: float


def accuracy(predicted: ArrayLike, labels: ArrayLike) -> float:
    """Share of predictions that are right.

    Args:
        predicted: `[texts]` class numbers.
        labels: `[texts]` true class numbers.
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    _require_equal_length(predicted, labels, "predicted and labels")
    return _share(predicted == labels, "predicted")


def attack_success_rate(predicted: ArrayLike, target_label: int, keep_mask: ArrayLike | None = None) -> float:
    """Share of triggered texts that are predicted as the target.

    Args:
        predicted: `[texts]` class numbers for triggered texts, none of which truly is of the target class.
        target_label: the class the attacker wants.
        keep_mask: `[texts]` bool, the texts to count, such as those right when clean (the paper's rule); default all.
    """
    hits = np.asarray(predicted) == target_label
    if keep_mask is not None:
        keep = np.asarray(keep_mask, dtype=bool)
        _require_equal_length(hits, keep, "predicted and keep_mask")
        hits = hits[keep]
    return _share(hits, "predicted")


def auroc(clean_scores: ArrayLike, triggered_scores: ArrayLike) -> float:
    """Chance that a triggered text scores above a clean one; a tie counts one half.

    Args:
        clean_scores: `[clean texts]`.
        triggered_scores: `[triggered texts]`.
    """
    clean = _finite(clean_scores, "clean_scores")
    triggered = _finite(triggered_scores, "triggered_scores")
    ordered = np.sort(clean)
    below = np.searchsorted(ordered, triggered, side="left")
    not_above = np.searchsorted(ordered, triggered, side="right")
    return float((below + not_above).mean() / (2 * clean.size))


def auroc_interval(area: float, n_clean: int, n_triggered: int, *, confidence: float = 0.95) -> Interval:
    """Interval of an `auroc` (Newcombe 2006, part 2, method 5), which has a width at 1.0, too.

    Args:
        area: as measured.
        n_clean: clean scores that it was measured on.
        n_triggered: the others.
        confidence: chance that the interval holds the true one, about.
    """
    if not 0 <= area <= 1 or min(n_clean, n_triggered) < 1:
        raise LabError(f"area must be in [0, 1] and both numbers 1 or more, are {area}, {n_clean}, {n_triggered}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    more = (n_clean + n_triggered) / 2 - 1

    def low(seen: float) -> float:
        def above(true: float) -> float:
            ranks = 1 + more * (1 - true) / (2 - true) + more * true / (1 + true)
            return z * math.sqrt(true * (1 - true) * ranks / (n_clean * n_triggered)) + true - seen

        return _crossing(above, 0.0)

    return Interval(min(low(area), area), max(1 - low(1 - area), area))  # bisection stops a hair before an end


def true_positive_rate_at(clean_scores: ArrayLike, triggered_scores: ArrayLike, false_positive_rate: float) -> float:
    """Share of triggered texts flagged by the lowest threshold that flags at most the given share of clean ones.

    A text is flagged when its score is *above* the threshold, which is one of the clean scores.

    Args:
        clean_scores: `[clean texts]`.
        triggered_scores: `[triggered texts]`.
        false_positive_rate: allowed share of clean texts flagged, from 0 up to but not including 1.
    """
    if not 0 <= false_positive_rate < 1:
        raise LabError(f"false_positive_rate must be in [0, 1), is {false_positive_rate}")
    clean = np.sort(_finite(clean_scores, "clean_scores"))
    # The small addition keeps 0.29 * 100 from being cut to 28.
    n_flagged = math.floor(false_positive_rate * clean.size + 1e-9)
    threshold = clean[clean.size - 1 - n_flagged]
    return float((_finite(triggered_scores, "triggered_scores") > threshold).mean())


def rate_interval(k: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Exact (Clopper-Pearson) interval of a rate seen as `k` of `n`.

    Args:
        k: number of hits.
        n: number of trials.
        confidence: chance that the interval holds the true rate, at least.
    """
    if not 0 <= k <= n or n < 1:
        raise LabError(f"k must be in 0..n and n 1 or more, are k={k} and n={n}")
    tail = (1 - confidence) / 2
    low = 0.0 if k == 0 else _crossing(_upper_tail(k, n), tail)
    high = 1.0 if k == n else _crossing(_upper_tail(k + 1, n), 1 - tail)
    return Interval(low, high)


def _upper_tail(k: int, n: int) -> Callable[[float], float]:
    """P(X >= k) of a binomial X with n trials, as a function of its rate p in (0, 1)."""
    counts = np.arange(k, n + 1)
    log_ways = np.array([math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k, n + 1)])
    return lambda p: float(np.exp(log_ways + counts * math.log(p) + (n - counts) * math.log1p(-p)).sum())


def _crossing(rising: Callable[[float], float], level: float) -> float:
    """The rate at which a rising function reaches a level, by bisection to 1e-12."""
    low, high = 0.0, 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < level else (low, middle)
    return (low + high) / 2


def _finite(scores: ArrayLike, name: str) -> NDArray[np.float64]:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise LabError(f"{name} must be a non-empty row of finite numbers, has shape {values.shape}")
    return values


def _share(hits: NDArray[np.bool_], name: str) -> float:
    if hits.size == 0:
        raise LabError(f"{name} must hold at least one text to count, holds none")
    return float(hits.mean())


def _require_equal_length(left: NDArray[np.generic], right: NDArray[np.generic], names: str) -> None:
    if left.shape != right.shape:
        raise LabError(f"{names} must have the same length, have {left.shape} and {right.shape}")
