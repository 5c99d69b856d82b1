"""The fast distances equal the area between distribution functions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad.drift.sliced_wasserstein import directions, distance_of_each, quantiles, sliced_distance
from tests.reference.transport import slow_sliced, slow_wasserstein

NUMBERS = st.floats(-5, 5).map(lambda value: round(value, 3))
SAMPLES = st.integers(1, 8).flatmap(
    lambda n: st.tuples(*[st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=n, max_size=n)] * 2)
)


def test_by_hand() -> None:
    assert slow_wasserstein([0.0, 1.0], [2.0, 3.0]) == 2.0
    assert slow_wasserstein([0.0, 0.0, 3.0], [0.0]) == 1.0
    assert sliced_distance(np.array([[1.0], [0.0]]), np.array([[2.0], [3.0]])) == 2.0


@given(samples=SAMPLES)
def test_fast_equals_slow(samples: tuple[list[list[float]], list[list[float]]]) -> None:
    first, second = map(np.array, samples)
    fast = sliced_distance(first, quantiles(second, len(first)))
    assert fast == pytest.approx(slow_sliced(*samples), abs=1e-9)
    assert fast == pytest.approx(sliced_distance(second, quantiles(first, len(first))), abs=1e-9)
    assert sliced_distance(first[::-1], quantiles(first, len(first))) == 0
    alone = distance_of_each(first, quantiles(second, len(second)))
    assert alone.tolist() == pytest.approx([slow_sliced([row], samples[1]) for row in samples[0]], abs=1e-9)


def test_quantiles_stand_for_larger_samples() -> None:
    sample = np.random.default_rng(0).standard_normal((4_000, 1))
    few = quantiles(sample, 200)
    assert (np.diff(few, axis=0) >= 0).all()
    assert slow_wasserstein(few[:, 0].tolist(), sample[:, 0].tolist()) < 0.02


def test_directions_are_the_seeds_and_of_length_one() -> None:
    drawn = directions(7, 5, seed=3)
    assert drawn.shape == (7, 5)
    assert np.linalg.norm(drawn, axis=0) == pytest.approx(1)
    assert (drawn == directions(7, 5, seed=3)).all()
    assert not (drawn == directions(7, 5, seed=4)).any()
