"""The command, with a real Ray of its own: what kills cost, and what the Python API says of the same texts."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest

from scripts import screen_corpus
from scripts.console.command import Exit
from scripts.corpus import ray_environment
from scripts.lab.cost.corpus_cost import (
    Screening,
    await_part,
    compared,
    n_differing,
    rows_in,
    run,
    run_with_a_dead_worker,
    write_texts,
)
from tests.conftest import CLEAN_TEXTS

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: make test RAY=1")
N_ROWS = 1_500


@pytest.fixture(scope="module")
def screening(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Screening:
    """Many short texts in small shards, two workers."""
    folder = tmp_path_factory.mktemp("corpus")
    texts = [f"{CLEAN_TEXTS[number % len(CLEAN_TEXTS)]} {number}" for number in range(N_ROWS)]
    write_texts(folder / "corpus.parquet", [*texts[:700], " ", *texts[700:]])
    return Screening(
        checkpoint=bert_folder,
        calibration=bert_folder / "calibration.json",
        data=folder / "corpus.parquet",
        out=folder / "out",
        workers=2,
        shard_rows=50,
    )


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """What the command sets for Ray ends with a test."""
    with patch.dict(os.environ):
        yield


def typed(screening: Screening, out: Path) -> Sequence[str]:
    return replace(screening, out=out).command()[3:]


def still_running() -> list[str]:
    """Ray's processes below this one."""
    found = psutil.Process().children(recursive=True)
    return [each.name() for each in found if each.is_running() and "ray" in each.name()]


def listening(pid: int) -> set[str]:
    """Addresses at which a process and all below it can be reached."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    found = [each for process in processes for each in process.net_connections("tcp") if each.status == "LISTEN"]
    return {each.laddr.ip for each in found}


@needs_ray
def test_kills_cost_no_row(screening: Screening, tmp_path: Path) -> None:
    one, two = (replace(screening, out=tmp_path / name) for name in ("one", "two"))
    found = run_with_a_dead_worker(one)
    assert (found["n_rows"], found["n_errors"]) == (N_ROWS + 1, 1)
    assert 0 < found["n_parts_before"] < found["n_parts"]
    rows = rows_in(one.out)
    assert [row["row"] for row in rows] == list(range(N_ROWS + 1))
    assert [row["row"] for row in rows if row["error"]] == [700]
    judged = [row for row in rows if not row["error"]]
    counts = compared(one, judged[::10])
    assert counts["n_cold_equal"] + counts["n_again"] == len(judged[::10])

    with subprocess.Popen(two.command()) as process:
        await_part(two.out, process)
        heard_at = listening(process.pid)
        process.kill()
    n_before = len(list((two.out / "verdicts").glob("part-*")))
    again = run(two)
    assert heard_at  # Sanity arm.
    assert heard_at <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
    assert 0 < n_before < 31  # some were there, and not all
    assert again["passes"][0]["n_rows"] < N_ROWS + 1  # what was there is not done again
    assert n_differing(rows, rows_in(two.out)) == 0
    assert still_running() == []
    assert "<title>" in (two.out / "summary.html").read_text()


def test_without_ray_a_line_says_what_to_install(
    screening: Screening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ray_environment, "find_spec", lambda name: None if name == "ray" else True)
    assert screen_corpus.main(typed(screening, tmp_path / "out")) == Exit.ERROR
    assert "ray must be installed, is missing: pip install -r requirements-ray.txt" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@needs_ray
@pytest.mark.parametrize("fault", ["address", "calibration", "data", "out", "pairs"])
def test_what_cannot_be_screened_is_refused_before_ray_starts(
    fault: str, screening: Screening, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = list(typed(screening, tmp_path / "out"))
    if fault == "calibration":
        made = json.loads(screening.calibration.read_text())
        made["fingerprint"]["weights"] = "0" * 64
        (tmp_path / "other.json").write_text(json.dumps(made))
        options[options.index("--calibration") + 1] = str(tmp_path / "other.json")
    if fault == "data":
        (tmp_path / "broken.parquet").write_bytes(b"PAR1")
        options.insert(options.index("--data") + 1, str(tmp_path / "broken.parquet"))
    if fault == "out":
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "letters.txt").write_text("dear")
    if fault == "address":
        with socket.socket() as taken:  # and nobody listens
            taken.bind(("127.0.0.1", 0))
            options += ["--address", f"127.0.0.1:{taken.getsockname()[1]}"]
    if fault == "pairs":
        options += ["--pair-column", "text"]
    assert screen_corpus.main(options) == Exit.ERROR
    error = capsys.readouterr().err
    expected = {
        "address": "nobody answers at 127.0.0.1:",
        "calibration": "weights",
        "data": "broken.parquet",
        "out": "holds other files",
        "pairs": "--pair-column",
    }
    assert expected[fault] in error
    assert len(error.strip().splitlines()) == 1
    assert still_running() == []
