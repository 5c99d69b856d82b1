"""What a server does when there is no room: in the queue, in the folder of its logs, in the file of its triggers."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from handler.xgraad import Defense
from scripts import triggers
from scripts.console.command import Exit
from scripts.lab.cost.load import Crowd, IsRight, LoadLimits, crowd
from scripts.serving.client import Client
from scripts.serving.retrying import may_pass
from scripts.serving.running_server import RunningServer
from scripts.serving.server import serving
from tests.conftest import CLEAN_TEXTS
from tests.live.holding import held
from tests.live.scrape import value, wait_for
from tests.live.toy import options_for, packed

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(240)]
N_CLIENTS, BATCH, QUEUE = 24, 2, 4
FULL = "503 ServiceUnavailableException"
FULL_QUEUE = f"a worker held for a while, room for {QUEUE} in the queue"
WITH_FILM = [f"a film {number}" for number in range(16)]


@pytest.fixture(scope="module")
def server(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One model with a short queue, and one that remembers triggers: the word "film" for the toy's usual label."""
    folder = tmp_path_factory.mktemp("full")
    small = {"batchSize": BATCH, "maxBatchDelay": 10, "jobQueueSize": QUEUE}
    packed(bert_folder, folder / "store", server=small, rule="conformal")
    packed(bert_folder, folder / "store", name="remembering", rule="verified")
    options = options_for(folder, "toy", "remembering")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(options.state_home))
        label = str(Defense.load(bert_folder)([WITH_FILM[0]])[0].label_id)
        assert triggers.main(["add", "--checkpoint", str(bert_folder), "--label", label, "film"]) == Exit.DONE
    with serving(options) as server:
        yield server


def process_of(server: RunningServer, client: Client, model: str) -> psutil.Process:
    (worker,) = [each for each in server.workers(client) if each.model == model]
    return psutil.Process(worker.pid)


def once_each(server: RunningServer, is_right: IsRight, *, retries: int) -> AbstractContextManager[Crowd]:
    """So many clients, with one request each."""
    limits = LoadLimits(seconds=60, n_requests=N_CLIENTS)
    return crowd(server, "toy", CLEAN_TEXTS, n_clients=N_CLIENTS, limits=limits, is_right=is_right, retries=retries)


def test_a_full_queue_refuses_at_once_and_loses_nothing(
    server: RunningServer, client: Client, is_right: IsRight, record: Callable[..., None]
) -> None:
    worker = process_of(server, client, "toy")
    with held(worker), once_each(server, is_right, retries=0) as found:
        deadline = time.monotonic() + 20
        while len(found.seen) < N_CLIENTS - QUEUE - BATCH:  # all who find no room
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not found.answered
        worker.resume()
        found.wait()
    assert set(found.errors) == {FULL}
    assert QUEUE < len(found.answered) <= QUEUE + BATCH
    assert len(found.seen) == N_CLIENTS
    assert found.n_wrong == 0
    record(FULL_QUEUE, found, n_clients=N_CLIENTS)


def test_clients_that_ask_again_get_through_a_full_queue(
    server: RunningServer, client: Client, is_right: IsRight, record: Callable[..., None]
) -> None:
    worker = process_of(server, client, "toy")
    with held(worker), once_each(server, is_right, retries=8) as found:
        time.sleep(1.5)
        assert not found.seen
        worker.resume()
        found.wait()
    assert (found.n_wrong, found.errors) == (0, {})
    assert len(found.answered) == N_CLIENTS
    record(f"{FULL_QUEUE}, clients ask again", found, n_clients=N_CLIENTS)


def test_grpc_clients_can_tell_that_it_passes(server: RunningServer, client: Client, is_right: IsRight) -> None:
    """A full queue, and then a worker that dies in the middle of a batch."""
    worker = process_of(server, client, "toy")
    with held(worker), once_each(server, is_right, retries=0) as found:
        while len(found.seen) < N_CLIENTS - QUEUE - BATCH:
            time.sleep(0.05)
        full = client.predict_grpc("toy", {"text": b"a film"})
        worker.resume()
        found.wait()
    assert full["error"]["message"].startswith('Model "toy" has no worker')
    assert may_pass(full)
    with held(worker), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.predict_grpc, "toy", {"text": b"a film"})
        time.sleep(1.0)
        worker.kill()
        died = waiting.result()
    assert died["error"]["message"].startswith("Worker died.")
    assert may_pass(died)
    client.retries = 4
    assert client.predict_grpc("toy", {"text": b"a film"})["label"]


@contextmanager
def no_room(process: psutil.Process) -> Iterator[None]:
    """A process that can make no file longer, as where the disk is full."""
    _, most = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (0, most))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, (most, most))


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def n_requests(server: RunningServer, wanted: float = 0) -> float:
    """Requests counted so far, once there are as many as `wanted`."""
    name = "xgraad_requests_total"
    found = wait_for(server.options.ports.metrics, lambda found: value(found, name, ModelName="toy") >= wanted)
    return value(found, name, ModelName="toy")


def test_a_full_disk_costs_log_lines_and_no_answer(server: RunningServer, client: Client, is_right: IsRight) -> None:
    """What is not logged is still counted, and once there is room it is logged again."""
    process = server.process()
    assert process is not None
    before = n_requests(server)
    with no_room(process):
        size = bytes_in(server.logs)
        documents = [client.predict("toy", {"text": text}) for text in CLEAN_TEXTS]
        assert client.predict("toy", {"text": 5})["error"]["code"] == 422
        assert n_requests(server, before + len(CLEAN_TEXTS) + 1) == before + len(CLEAN_TEXTS) + 1
        assert bytes_in(server.logs) == size
    assert all(map(is_right, CLEAN_TEXTS, documents))
    assert client.predict("toy", {"text": 5})["error"]["code"] == 422
    wait_for_log(server, '"event": "refused"')


def wait_for_log(server: RunningServer, words: str) -> str:
    """The worker log once it holds `words`; the server writes what its workers say a little later."""
    deadline = time.monotonic() + 15
    while words not in (log := (server.logs / "model_log.log").read_text(encoding="utf-8")):
        assert time.monotonic() < deadline, f"the log does not say {words}"
        time.sleep(0.1)
    return log


def test_a_full_disk_costs_the_file_of_triggers_and_no_answer(server: RunningServer, client: Client) -> None:
    """The worker goes on with what it knew, in memory, and says so."""
    worker = process_of(server, client, "remembering")
    bodies = [{"text": text} for text in WITH_FILM]
    before = [client.predict("remembering", body) for body in bodies]
    assert all(document["defense"]["verified"] for document in before)
    assert registry(client) == {"n_triggers": 1, "is_shared": True}
    with no_room(worker):
        assert [client.predict("remembering", body) for body in bodies] == before
    assert [client.predict("remembering", body) for body in bodies] == before
    assert registry(client) == {"n_triggers": 1, "is_shared": False}
    log = wait_for_log(server, "registry_failed")
    assert log.count('"event": "registry_failed"') == 1
    assert WITH_FILM[0] not in log
    lost = wait_for(server.options.ports.metrics, lambda found: value(found, "xgraad_registry_failures_total") > 0)
    assert value(lost, "xgraad_registry_failures_total", ModelName="remembering") == 1


def registry(client: Client) -> dict[str, Any]:
    """What the worker says of its registry."""
    description = client.describe("remembering") or {}
    found: dict[str, Any] = description["customizedMetadata"]["defense"]["registry"]
    return found
