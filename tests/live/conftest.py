"""Where the figures of live tests go, if anywhere."""

import os
from collections.abc import Callable

import pytest

from scripts.lab.load import Crowd
from scripts.lab.provenance import provenance
from scripts.lab.results import append_row


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
