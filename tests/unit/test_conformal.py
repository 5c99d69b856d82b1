"""The false-positive rate is what was asked for: by the formula, and by simulation against a known truth."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from handler.xgraad.scoring.conformal import (
    conformal_threshold,
    cross_fitted_residuals,
    linear_trend,
    p_value,
    texts_needed,
)


@pytest.mark.parametrize(
    ("max_fpr", "expected"), [(0.5, 1), (0.3, 3), (0.2, 4), (0.1, 9), (0.05, 19), (0.01, 99), (0.001, 999)]
)
def test_texts_needed(max_fpr: float, expected: int) -> None:
    assert texts_needed(max_fpr) == expected


@given(st.floats(0.001, 0.99))
def test_texts_needed_is_the_fewest(max_fpr: float) -> None:
    needed = texts_needed(max_fpr)
    conformal_threshold(range(needed), max_fpr)
    with pytest.raises(ValueError, match=f"{needed - 1} scores cannot support .*; {needed} are needed"):
        conformal_threshold(range(needed - 1), max_fpr)


@pytest.mark.parametrize(
    ("n", "max_fpr", "rank"),
    [(19, 0.05, 19), (20, 0.05, 20), (39, 0.05, 38), (99, 0.05, 95), (99, 0.01, 99), (9, 0.5, 5)],
)
def test_the_threshold_is_an_order_statistic(n: int, max_fpr: float, rank: int) -> None:
    assert conformal_threshold(range(1, n + 1), max_fpr) == rank


def test_p_values_by_hand() -> None:
    scores = [1.0, 2.0, 2.0, 3.0]
    assert [p_value(scores, score) for score in (0.0, 1.0, 1.5, 2.0, 3.0, 9.0)] == [1.0, 1.0, 0.8, 0.8, 0.4, 0.2]


@given(
    scores=st.lists(st.integers(-5, 40), min_size=1, max_size=150),
    score=st.integers(-6, 41),
    max_fpr=st.sampled_from([0.5, 0.3, 0.2, 0.1, 0.05, 0.01]),
)
def test_above_the_threshold_if_and_only_if_the_p_value_allows(scores: list[int], score: int, max_fpr: float) -> None:
    """Ties included: scores are few integers on purpose."""
    assume(len(scores) >= texts_needed(max_fpr))
    ascending = sorted(scores)
    assert (score > conformal_threshold(ascending, max_fpr)) == (p_value(ascending, score) <= max_fpr + 1e-12)


def false_positive_rates(n: int, max_fpr: float, *, n_runs: int = 3000) -> tuple[float, float]:
    """Mean share of new clean scores above each threshold. Scores are uniform, so that share is known exactly."""
    runs = np.sort(np.random.default_rng(0).random((n_runs, n)), axis=1)
    conformal = np.mean([1 - conformal_threshold(row, max_fpr) for row in runs])
    percentile = np.mean(1 - np.percentile(runs, 100 * (1 - max_fpr), axis=1))
    return float(conformal), float(percentile)


def test_the_wanted_rate_holds() -> None:
    conformal, _ = false_positive_rates(99, 0.05)
    assert conformal == pytest.approx(0.05, abs=0.002)


@pytest.mark.parametrize(("n", "max_fpr"), [(19, 0.05), (25, 0.05), (99, 0.01)])
def test_the_percentile_does_not_hold_it_for_few_texts(n: int, max_fpr: float) -> None:
    """Sanity arm: the rate above is no matter of course."""
    conformal, percentile = false_positive_rates(n, max_fpr)
    assert conformal <= max_fpr * 1.04
    assert percentile > max_fpr * 1.3


def test_p_values_of_clean_scores_are_small_as_seldom_as_they_say() -> None:
    generator = np.random.default_rng(1)
    values = [p_value(np.sort(generator.random(49)).tolist(), generator.random()) for _ in range(4000)]
    for level in (0.02, 0.1, 0.5):
        assert np.mean(np.array(values) <= level) == pytest.approx(level, abs=0.02)
    assert all(0 < value <= 1 for value in values)


def test_linear_trend_finds_a_line() -> None:
    x = np.array([1.0, 2.0, 4.0, 7.0])
    assert linear_trend(x, 3 - 2 * x) == pytest.approx((3.0, -2.0))


def test_linear_trend_of_equal_lengths_is_flat() -> None:
    for x in (2.0, math.log(7)):
        y = np.log(np.arange(1.0, 41.0))
        assert linear_trend(np.full(40, x), y) == (y.mean(), 0.0)


def test_residuals_are_judged_by_the_others() -> None:
    """Raising one score raises its own residual by as much: it does not pull the trend that judges it."""
    generator = np.random.default_rng(2)
    x, y = generator.random(40), generator.random(40)
    before = cross_fitted_residuals(x, y)
    y[7] += 100
    after = cross_fitted_residuals(x, y)
    assert after[7] - before[7] == pytest.approx(100)
    intercept, slope = linear_trend(x, y)
    assert y[7] - intercept - slope * x[7] < 99


def test_residuals_equal_a_slow_loop() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.random(23), generator.random(23)
    for index, residual in enumerate(cross_fitted_residuals(x, y)):
        others = [other for other in range(23) if other % 10 != index % 10]
        slope, intercept = np.polyfit(x[others], y[others], 1)
        assert math.isclose(residual, y[index] - intercept - slope * x[index], abs_tol=1e-9)
