"""Windows of live texts: full ones are judged, once, whatever the batches."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad.drift import drift_statistics
from handler.xgraad.drift.drift_statistics import WINDOW, DriftStatistics, named_domains, one_domain
from handler.xgraad.drift.reservoir import MOST_UNTOLD, Reservoir
from tests.unit.drift.clouds import cloud, seen

LIVE = seen(np.concatenate([cloud(WINDOW, seed=1), cloud(WINDOW + 40, at=1.0, seed=2)]))


@pytest.fixture(scope="module")
def statistics() -> DriftStatistics:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drift_statistics, "N_BOOTSTRAP", 200)
        return DriftStatistics.fit(cloud(400), one_domain(cloud(400)))


@pytest.fixture(scope="module")
def two(statistics: DriftStatistics) -> DriftStatistics:
    states = np.concatenate([cloud(400), cloud(400, at=6.0)])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drift_statistics, "N_BOOTSTRAP", 200)
        return DriftStatistics.fit(states, named_domains(states, ["a"] * 400 + ["b"] * 400))


def test_a_window_is_judged_when_it_is_full(statistics: DriftStatistics) -> None:
    reservoir = Reservoir(statistics)
    reservoir.add([])
    reservoir.add(LIVE[: WINDOW - 1])
    assert (reservoir.n_waiting, reservoir.take()) == (WINDOW - 1, [])
    reservoir.add(LIVE[WINDOW - 1 : WINDOW])
    (same,) = reservoir.take()
    assert (reservoir.n_waiting, reservoir.take()) == (0, [])
    assert not same.alarms
    reservoir.add(LIVE[WINDOW:])
    (other,) = reservoir.take()
    assert other.alarms
    assert other.ratio > 2
    assert reservoir.n_waiting == 40


def test_an_alarm_begins_and_ends(statistics: DriftStatistics) -> None:
    reservoir = Reservoir(statistics)
    for at in (0.0, 1.0, 1.0, 0.0):
        reservoir.add(seen(cloud(WINDOW, at=at, seed=5)))
    found = reservoir.take()
    assert [window.alarms for window in found] == [False, True, True, False]
    assert [window.was_alarm for window in found] == [False, False, True, True]


@given(cuts=st.lists(st.integers(0, len(LIVE)), max_size=6), seed=st.integers(0, 99))
def test_neither_batches_nor_order_within_a_window_matter(
    statistics: DriftStatistics, cuts: Sequence[int], seed: int
) -> None:
    expected = Reservoir(statistics)
    expected.add(LIVE)
    shuffled = [LIVE[row] for row in np.random.default_rng(seed).permutation(WINDOW)] + LIVE[WINDOW:]
    reservoir, places = Reservoir(statistics), [0, *sorted(cuts), len(LIVE)]
    for start, end in itertools.pairwise(places):
        reservoir.add(shuffled[start:end])
    ratios = [[window.ratio for window in each.take()] for each in (reservoir, expected)]
    assert ratios[0] == pytest.approx(ratios[1])


def test_another_mix_of_domains_is_no_alarm_and_a_drift_in_one_is(two: DriftStatistics) -> None:
    reservoir = Reservoir(two)
    reservoir.add(seen(np.concatenate([cloud(WINDOW, seed=5), cloud(50, at=6.0, seed=6)])))
    (calm,) = reservoir.take()
    assert (calm.domain, calm.alarms, reservoir.n_waiting) == ("a", False, 50)
    reservoir.add(seen(cloud(WINDOW - 50, at=7.5, seed=7)))
    (moved,) = reservoir.take()
    assert (moved.domain, moved.alarms, moved.was_alarm) == ("b", True, False)


def test_nobody_has_to_ask(statistics: DriftStatistics) -> None:
    reservoir = Reservoir(statistics)
    for _ in range(MOST_UNTOLD + 3):
        reservoir.add(LIVE[:WINDOW])
    assert len(reservoir.take()) == MOST_UNTOLD
