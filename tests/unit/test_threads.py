"""Workers share the cores unless the operator says otherwise."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from handler.worker.threads import n_workers, share_cores


@pytest.fixture(autouse=True)
def four_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(8)))
    torch.set_num_threads(8)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("workers", "threads"), [(1, 8), (2, 4), (3, 2), (8, 1), (20, 1)])
def test_each_worker_gets_its_part(workers: int, threads: int) -> None:
    assert share_cores({"minWorkers": workers, "maxWorkers": workers}, {}) == threads
    assert torch.get_num_threads() == threads


def test_what_the_operator_set_holds() -> None:
    torch.set_num_threads(5)
    assert share_cores({"maxWorkers": 4}, {"OMP_NUM_THREADS": "5"}) == 5


def test_threads_are_never_added() -> None:
    torch.set_num_threads(3)
    assert share_cores({"maxWorkers": 1}, {}) == 3


@pytest.mark.parametrize(
    ("config", "workers"),
    [(None, 1), ({}, 1), ({"minWorkers": 0}, 1), ({"minWorkers": 2, "maxWorkers": 3}, 3), ({"maxWorkers": "many"}, 1)],
)
def test_workers_come_from_the_configuration(config: dict[str, Any] | None, workers: int) -> None:
    assert n_workers(config) == workers
