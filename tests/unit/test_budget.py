"""The budget that judges are tuned to: never overspent on the texts of tuning, and spent where something is won."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.lab.defenses.judges.budget import flagging_threshold, largest_affordable

ROWS = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), min_size=1, max_size=40)


def lost(rows: list[tuple[int, bool, bool]], threshold: float) -> float:
    """Share of texts that an answer costs where scores are above the threshold, the slow way."""
    after = [flagged if score > threshold else plain for score, plain, flagged in rows]
    return (sum(plain for _, plain, _ in rows) - sum(after)) / len(rows)


@given(ROWS, st.sampled_from([0.0, 0.05, 0.2, 1.0]))
def test_a_threshold_is_the_lowest_that_the_budget_allows(rows: list[tuple[int, bool, bool]], budget: float) -> None:
    scores, right, right_if_flagged = zip(*rows, strict=True)
    found = flagging_threshold(scores, right=right, right_if_flagged=right_if_flagged, budget=budget)
    assert lost(rows, found) <= budget + 1e-9
    lower = [-np.inf, *(score for score in scores if score < found)]
    assert found == -np.inf or all(lost(rows, each) > budget for each in lower)


def test_texts_of_one_score_are_flagged_together() -> None:
    right, otherwise = [True] * 4, [False] * 4
    assert flagging_threshold([1, 1, 1, 0], right=right, right_if_flagged=otherwise, budget=0.5) == 1
    assert flagging_threshold([3, 2, 1, 0], right=right, right_if_flagged=otherwise, budget=0.5) == 1


@pytest.mark.parametrize(
    ("accuracies", "place"),
    [([0.9, 0.9, 0.891, 0.88], 2), ([0.9, 0.88, 0.895], 2), ([0.5, 0.4], 0), ([], 0)],
)
def test_the_strongest_affordable_setting_is_taken(accuracies: list[float], place: int) -> None:
    assert largest_affordable(accuracies, undefended=0.9) == place
