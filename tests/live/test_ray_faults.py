"""What clients of Ray Serve see when a replica is killed under load, and when the queue is full."""

import time
from collections.abc import Callable

import psutil
import pytest

from scripts.lab.cost.load import Crowd, IsRight, LoadLimits, crowd
from scripts.serving.ray_server import RayServer
from tests.conftest import CLEAN_TEXTS
from tests.live.holding import held
from tests.live.on_ray import needs_ray
from tests.live.toy import QUICK

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), needs_ray]
N_CLIENTS, N_AT_ONCE, BATCH, QUEUE = 16, 24, 2, 4
UNAVAILABLE = "503 ServiceUnavailableException"
AGAIN_S = 180.0
SERVER = "Ray Serve"
MOST_KILLS = 5


def replica(server: RayServer, model: str, *, other_than: int = 0) -> psutil.Process:
    """The process that answers for a model, once there is one."""
    deadline = time.monotonic() + AGAIN_S
    while not (found := [each for each in server.replicas(model) if each.pid != other_than]):
        assert time.monotonic() < deadline, f"no replica of {model}"
        time.sleep(0.2)
    return found[0]


def wait_for_answers(found: Crowd, n_answers: int) -> None:
    wanted, deadline = len(found.answered) + n_answers, time.monotonic() + AGAIN_S
    while len(found.answered) < wanted:
        assert time.monotonic() < deadline, f"no {n_answers} answers: {found.errors}"
        time.sleep(0.02)


def kill_at_work(server: RayServer, killed: psutil.Process, found: Crowd) -> psutil.Process:
    """Kill the replica after some answers and wait for more of them; returns the one that took its place."""
    wait_for_answers(found, 200)
    killed.suspend()  # between two batches it has nothing, and would cost nothing
    time.sleep(0.5)
    killed.kill()
    wait_for_answers(found, 400)
    return replica(server, "toy", other_than=killed.pid)


@pytest.mark.parametrize("retries", [0, 8])
def test_a_killed_replica_is_replaced_and_costs_only_what_it_had(
    ray_server: RayServer, is_right: IsRight, record: Callable[..., None], retries: int
) -> None:
    """One that had nothing when it was killed shows nothing: then the next is killed, unless clients ask again."""
    limits = LoadLimits(seconds=300, n_requests=10**6)
    running = replica(ray_server, "toy")
    with crowd(
        ray_server,
        "toy",
        CLEAN_TEXTS,
        n_clients=N_CLIENTS,
        limits=limits,
        is_right=is_right,
        retries=retries,
        timeout_s=AGAIN_S,
    ) as found:
        for _ in range(1 if retries else MOST_KILLS):
            running = kill_at_work(ray_server, running, found)
            if found.errors:
                break
    assert found.n_wrong == 0
    if retries:
        assert found.errors == {}
    else:
        assert set(found.errors) == {UNAVAILABLE}
        assert found.errors.total() <= 2 * QUICK["batchSize"]
    assert running.is_running()
    again = ", clients ask again" if retries else ""
    record(f"a worker killed{again}", found, n_clients=N_CLIENTS, server=SERVER)


@pytest.mark.parametrize("retries", [0, 8])
def test_a_full_queue_refuses_at_once_and_loses_nothing(
    ray_server: RayServer, is_right: IsRight, record: Callable[..., None], retries: int
) -> None:
    process, limits = replica(ray_server, "small"), LoadLimits(seconds=60, n_requests=N_AT_ONCE)
    n_full = N_AT_ONCE - QUEUE - 2 * BATCH
    with (
        held(process),
        crowd(
            ray_server,
            "small",
            CLEAN_TEXTS,
            n_clients=N_AT_ONCE,
            limits=limits,
            is_right=is_right,
            retries=retries,
            timeout_s=AGAIN_S,
        ) as found,
    ):
        deadline = time.monotonic() + 20
        while len(found.seen) < n_full and not retries:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        if retries:
            time.sleep(1.5)
        assert not found.answered
        process.resume()
        found.wait()
    assert found.n_wrong == 0
    assert len(found.seen) == N_AT_ONCE
    assert set(found.errors) == (set() if retries else {UNAVAILABLE})
    assert retries or QUEUE <= len(found.answered) <= N_AT_ONCE - n_full
    again = ", clients ask again" if retries else ""
    fault = f"a worker held for a while, room for {QUEUE} in the queue{again}"
    record(fault, found, n_clients=N_AT_ONCE, server=SERVER)
