"""What live tests share: a client of the module's `server`, what it should answer, and where figures go."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.lab.cost.load import Crowd, IsRight
from scripts.results.provenance import provenance
from scripts.results.rows import append_row
from scripts.serving.client import Client
from scripts.serving.running_server import RunningServer
from tests.live.toy import is_right_for


@pytest.fixture
def client(server: RunningServer) -> Iterator[Client]:
    with server.client(timeout_s=30) as client:
        yield client


@pytest.fixture(scope="module")
def is_right(bert_folder: Path) -> IsRight:
    """Of the toy behind the rule `conformal`, whose verdicts depend on nothing but the text."""
    return is_right_for(bert_folder, rule="conformal")


@pytest.fixture
def record(pytestconfig: pytest.Config) -> Callable[..., None]:
    """Appends a row for one fault to `faults.jsonl` in the folder of `--figures`: what the clients saw."""
    folder = pytestconfig.getoption("--figures")

    def write(fault: str, found: Crowd, *, n_clients: int) -> None:
        row = {
            "fault": fault,
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
