"""Domains that nobody named are found where there are any."""

import numpy as np
import pytest

from handler.xgraad.drift.clustering import clustered
from tests.unit.drift.clouds import WIDTH, cloud

BLOBS = np.concatenate([cloud(90), cloud(60, at=5.0, seed=1), cloud(30, at=-5.0, seed=2)])
TRUE = [0] * 90 + [1] * 60 + [2] * 30


@pytest.mark.parametrize("seed", range(5))
def test_blobs_are_told_apart(seed: int) -> None:
    found = clustered(BLOBS, 3, seed=seed)
    cells = found.nearest(BLOBS @ found.directions.array()).tolist()
    assert len(set(zip(TRUE, cells, strict=True))) == 3
    assert found.names == ("cluster-1", "cluster-2", "cluster-3")


def test_the_same_seed_finds_the_same() -> None:
    first, second = (clustered(BLOBS, 2, seed=1) for _ in range(2))
    assert all((a == b).all() for a, b in zip(first.centers, second.centers, strict=True))


def test_equal_texts_leave_clusters_empty() -> None:
    found = clustered(np.ones((20, WIDTH)), 2)
    assert set(found.nearest(np.ones((20, WIDTH)) @ found.directions.array()).tolist()) == {0}
