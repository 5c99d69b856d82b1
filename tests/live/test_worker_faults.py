"""Workers that die or go while 16 clients ask: who loses what, and for how long."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.lab.cost.load import NO_ANSWER, Crowd, IsRight, LoadLimits, crowd
from scripts.serving.client import Client
from scripts.serving.running_server import RunningServer, WorkerStatus
from scripts.serving.server import serving
from tests.conftest import CLEAN_TEXTS
from tests.live.toy import QUICK, options_for, packed

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(300)]
N_CLIENTS = 16
BACK_S = 10.0
"""Within which a model must answer again."""
NOTICED_S = 0.25
"""Until TorchServe knows that a worker is dead, it may send it a batch."""
LOST = {"500 InternalServerException", "507 InternalServerException", NO_ANSWER}
"""What a request may get whose worker dies: an error, or nothing where its batch was not full yet."""
TIMEOUT_S = 12.0
PATIENT_MS = 3000


@pytest.fixture(scope="module")
def server(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Two models: one that batches as usual, and one that waits for seconds until a batch is full."""
    folder = tmp_path_factory.mktemp("dying")
    packed(bert_folder, folder / "store", rule="conformal")
    patient = {**QUICK, "maxBatchDelay": PATIENT_MS}
    packed(bert_folder, folder / "store", name="patient", server=patient, rule="conformal")
    with serving(options_for(folder, "toy", "patient")) as server:
        yield server


def workers_of(server: RunningServer, client: Client, model: str) -> list[WorkerStatus]:
    return [each for each in server.workers(client) if each.model == model]


def wait_for_workers(server: RunningServer, client: Client, model: str, n_workers: int) -> None:
    """Return when the model has exactly so many, all of them ready."""
    deadline = time.monotonic() + 60
    while [each.status for each in workers_of(server, client, model)] != ["READY"] * n_workers:
        assert time.monotonic() < deadline, f"no {n_workers} workers of {model} within a minute"
        time.sleep(0.05)


def kill(server: RunningServer, client: Client, model: str) -> int:
    """What `kill -9` does to the model's first worker; returns its process id."""
    pid = workers_of(server, client, model)[0].pid
    psutil.Process(pid).kill()
    return pid


def wait_for_another(server: RunningServer, client: Client, model: str, pid: int) -> None:
    """Return when a process other than `pid` serves the model: TorchServe calls the dead one READY for a while."""
    deadline = time.monotonic() + 60
    while (pid, "READY") in [(each.pid, each.status) for each in workers_of(server, client, model)]:
        assert time.monotonic() < deadline, f"TorchServe takes a dead worker of {model} for ready"
        time.sleep(0.05)
    wait_for_workers(server, client, model, 1)


def wait_for_answers(found: Crowd, n_answers: int) -> None:
    wanted = len(found.answered) + n_answers
    deadline = time.monotonic() + 60
    while len(found.answered) < wanted:
        assert time.monotonic() < deadline, f"no {n_answers} answers within a minute: {found.errors}"
        time.sleep(0.02)


def at_work(server: RunningServer, is_right: IsRight, **options: Any) -> Any:
    limits = LoadLimits(seconds=120, n_requests=10**6)
    options = {"is_right": is_right, "timeout_s": TIMEOUT_S, **options}
    return crowd(server, "toy", CLEAN_TEXTS, n_clients=N_CLIENTS, limits=limits, **options)


def test_a_killed_worker_costs_only_what_it_was_busy_with(
    server: RunningServer, client: Client, is_right: IsRight, record: Callable[..., None]
) -> None:
    wait_for_workers(server, client, "toy", 1)
    with at_work(server, is_right) as found:
        wait_for_answers(found, 200)
        kill(server, client, "toy")
        killed = time.perf_counter()
        wait_for_answers(found, 400)
    assert found.n_wrong == 0
    assert set(found.errors) <= LOST
    assert 0 < found.errors.total() <= QUICK["batchSize"]
    assert all(asked.start < killed + NOTICED_S for asked in found.seen if asked.error)
    first_after = min(asked.end for asked in found.answered if asked.end > killed + 0.5)
    assert first_after - killed < BACK_S
    record("a worker killed", found, n_clients=N_CLIENTS)


def test_clients_that_ask_again_notice_nothing(
    server: RunningServer, client: Client, is_right: IsRight, record: Callable[..., None]
) -> None:
    wait_for_workers(server, client, "toy", 1)
    with at_work(server, is_right, retries=4) as found:
        wait_for_answers(found, 200)
        kill(server, client, "toy")
        wait_for_answers(found, 400)
    assert (found.n_wrong, found.errors) == (0, {})
    longest = max(asked.seconds for asked in found.seen)
    assert longest > 0.5  # somebody did wait for the new worker
    record("a worker killed, clients ask again", found, n_clients=N_CLIENTS)


def test_scaling_up_and_down_fails_no_request(
    server: RunningServer, client: Client, is_right: IsRight, record: Callable[..., None]
) -> None:
    """TorchServe ends a worker without letting it finish (its issue 1101).

    Now and then that costs a 500, and now and then a request is never answered; clients that ask again notice a delay.
    """
    wait_for_workers(server, client, "toy", 1)
    with at_work(server, is_right, retries=4) as found:
        for n_workers in (2, 1, 2, 1):
            wait_for_answers(found, 100)
            client.scale("toy", n_workers)
            wait_for_workers(server, client, "toy", n_workers)
        wait_for_answers(found, 100)
    assert (found.n_wrong, found.errors) == (0, {})
    record("1 to 2 to 1 workers, twice, clients ask again", found, n_clients=N_CLIENTS)


def test_a_request_in_an_unfilled_batch_is_lost_with_its_worker(
    server: RunningServer, client: Client, is_right: IsRight, record: Callable[..., None]
) -> None:
    """TorchServe answers it never. So clients need a timeout of their own, and to ask again after it."""
    wait_for_workers(server, client, "patient", 1)
    limits = LoadLimits(seconds=60, n_requests=1)
    for retries, errors in ((0, {"no answer": 1}), (2, {})):
        with crowd(
            server,
            "patient",
            CLEAN_TEXTS,
            n_clients=1,
            limits=limits,
            is_right=is_right,
            timeout_s=TIMEOUT_S,
            retries=retries,
        ) as found:
            time.sleep(PATIENT_MS / 4000)
            pid = kill(server, client, "patient")
            found.wait()
        assert found.errors == errors
        assert found.n_wrong == 0
        again = ", the client asks again" if retries else ""
        record(f"a worker killed that waits for its batch to fill{again}", found, n_clients=1)
        wait_for_another(server, client, "patient", pid)


def test_a_killed_worker_takes_no_other_model_along(
    server: RunningServer, client: Client, is_right: IsRight, record: Callable[..., None]
) -> None:
    wait_for_workers(server, client, "patient", 1)
    with at_work(server, is_right) as found:
        wait_for_answers(found, 50)
        wait_for_another(server, client, "patient", kill(server, client, "patient"))
    assert (found.n_wrong, found.errors) == (0, {})
    record("a worker of another model killed", found, n_clients=N_CLIENTS)
