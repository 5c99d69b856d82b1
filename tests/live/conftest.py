"""What live tests share: a client of the module's `server`, what it should answer, and where figures go."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.lab.cost.load import Crowd, IsRight
from scripts.results.provenance import provenance
from scripts.results.rows import append_row
from scripts.serving.client import Client
from scripts.serving.ray_server import RayServer, RayServerOptions, serving_on_ray
from scripts.serving.running_server import RunningServer
from scripts.serving.server_options import archives_named
from tests.live.toy import is_right_for, one_thread, packed


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with server.client(timeout_s=30) as client:
        yield client


@pytest.fixture(scope="module")
def is_right(bert_folder: Path) -> IsRight:
    """Of the toy behind the rule `conformal`, whose verdicts depend on nothing but the text."""
    return is_right_for(bert_folder, rule="conformal")


@pytest.fixture(scope="session")
def ray_server(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayServer]:
    """On Ray Serve a model with low limits, and one with a short queue. It starts slowly, so all tests share it."""
    folder = tmp_path_factory.mktemp("on-ray")
    packed(bert_folder, folder / "store", rule="conformal", max_chars=400, max_texts=4)
    small = {"batchSize": 2, "maxBatchDelay": 10, "jobQueueSize": 4}
    packed(bert_folder, folder / "store", name="small", server=small, rule="conformal")
    options = RayServerOptions(
        model_store=folder / "store",
        models=archives_named(["toy", "small"]),
        state_dir=folder / "state",
        state_home=folder / "home",
    )
    with one_thread(), serving_on_ray(options) as server:
        yield server


@pytest.fixture
def record(pytestconfig: pytest.Config) -> Callable[..., None]:
    """Appends a row for one fault to `faults.jsonl` in the folder of `--figures`: what the clients saw."""
    folder = pytestconfig.getoption("--figures")

    def write(fault: str, found: Crowd, *, n_clients: int, server: str = "TorchServe") -> None:
        row = {
            "fault": fault,
            "server": server,
            "n_clients": n_clients,
            "n_requests": len(found.seen),
            "n_wrong": found.n_wrong,
            "errors": dict(found.errors),
            "gap_s": found.gap_s,
            "longest_s": found.longest_s,
            "n_cores": os.cpu_count(),
            **provenance(),
        }
        if folder is not None:
            append_row(folder / "faults.jsonl", row)

    return write
