import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.lab.evaluation.metrics import (
    accuracy,
    attack_success_rate,
    auroc,
    auroc_interval,
    rate_interval,
    true_positive_rate_at,
)

SCORES = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=12)


def test_accuracy_is_a_share() -> None:
    assert accuracy([0, 1, 1, 0], [0, 1, 0, 0]) == 0.75


def test_attack_success_counts_all_texts_or_those_kept() -> None:
    predicted = [0, 0, 1, 2]
    assert attack_success_rate(predicted, 0) == 0.5
    assert attack_success_rate(predicted, 0, [True, False, True, True]) == pytest.approx(1 / 3)


@given(clean=SCORES, triggered=SCORES)
def test_auroc_is_the_share_of_pairs_in_the_right_order(clean: list[float], triggered: list[float]) -> None:
    pairs = [(t > c) + 0.5 * (t == c) for t in triggered for c in clean]
    assert auroc(clean, triggered) == pytest.approx(sum(pairs) / len(pairs))


@given(clean=SCORES, triggered=SCORES, false_positive_rate=st.floats(0, 0.99))
def test_the_threshold_keeps_the_rate_and_is_the_lowest_that_does(
    clean: list[float], triggered: list[float], false_positive_rate: float
) -> None:
    allowed = [t for t in clean if np.mean([c > t for c in clean]) <= false_positive_rate]
    best = max(np.mean([score > t for score in triggered]) for t in allowed)
    assert true_positive_rate_at(clean, triggered, false_positive_rate) == pytest.approx(best)


def test_a_rate_that_floating_point_cuts_short_is_met() -> None:
    assert true_positive_rate_at(list(range(100)), [70.5, 69.5], 0.29) == 0.5


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0.0, 0.30850), (5, 10, 0.18709, 0.81291), (10, 10, 0.69150, 1.0), (1, 20, 0.00127, 0.24873)],
)
def test_interval_equals_the_published_tables(k: int, n: int, low: float, high: float) -> None:
    assert rate_interval(k, n) == pytest.approx((low, high), abs=1e-5)


@pytest.mark.parametrize(("k", "n"), [(3, 17), (150, 301), (299, 300)])
def test_each_bound_leaves_one_half_of_the_doubt_in_its_tail(k: int, n: int) -> None:
    low, high = rate_interval(k, n, confidence=0.9)
    assert _binomial(range(k, n + 1), n, low) == pytest.approx(0.05, abs=1e-6)
    assert _binomial(range(k + 1), n, high) == pytest.approx(0.05, abs=1e-6)


def _binomial(counts: range, n: int, p: float) -> float:
    """Chance of any of the counts; Python's whole numbers are exact, so only the powers need logarithms."""
    return math.fsum(math.exp(math.log(math.comb(n, i)) + i * math.log(p) + (n - i) * math.log1p(-p)) for i in counts)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(LabError, match="predicted and labels must have the same length"):
        accuracy([0, 1], [0])
    with pytest.raises(LabError, match="must hold at least one text to count"):
        attack_success_rate([0, 1], 0, [False, False])
    with pytest.raises(LabError, match="clean_scores must be a non-empty row of finite numbers"):
        auroc([], [1.0])
    with pytest.raises(LabError, match="triggered_scores must be a non-empty row of finite numbers"):
        auroc([1.0], [math.nan])
    with pytest.raises(LabError, match=r"false_positive_rate must be in \[0, 1\), is 5"):
        true_positive_rate_at([1.0], [1.0], 5)
    with pytest.raises(LabError, match="k must be in 0"):
        rate_interval(3, 2)


@pytest.mark.parametrize(("n_clean", "n_triggered"), [(5, 5), (14, 30), (3, 40)])
@pytest.mark.parametrize("area", [0.0, 0.5, 0.83, 0.97, 1.0])
def test_the_interval_of_an_area_is_what_a_slow_search_finds(area: float, n_clean: int, n_triggered: int) -> None:
    """Every area in steps of 1/20,000 from which the measured one is less than 1.96 standard errors away."""
    more = (n_clean + n_triggered) / 2 - 1
    kept = []
    for step in range(1, 20_000):
        true = step / 20_000
        ranks = 1 + more * (1 - true) / (2 - true) + more * true / (1 + true)
        if abs(area - true) <= 1.959964 * (true * (1 - true) * ranks / (n_clean * n_triggered)) ** 0.5:
            kept.append(true)
    found = auroc_interval(area, n_clean, n_triggered)
    assert found.low == pytest.approx(0.0 if area == 0 else kept[0], abs=1e-4)
    assert found.high == pytest.approx(1.0 if area == 1 else kept[-1], abs=1e-4)
    assert found.low <= area <= found.high
    assert found.high - found.low > 0


def test_the_interval_of_an_area_refuses_what_is_none() -> None:
    for wrong in ((1.1, 5, 5), (-0.1, 5, 5), (0.5, 0, 5), (0.5, 5, 0)):
        with pytest.raises(LabError, match="area must be"):
            auroc_interval(*wrong)
