"""What screening a corpus costs, by running the command itself: texts a second, memory, what a kill loses."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow
import pyarrow.parquet

from handler.xgraad import Defense, NoRegistry
from scripts.console.errors import LabError
from scripts.corpus.judged_rows import RowPlace, verdict_row
from scripts.corpus.manifest import SUMMARY
from scripts.corpus.parts import FOLDER

WORKER = "ray::MapWorker"
"""How Ray calls the processes of a pool."""
PATIENCE_S = 600
"""For the first parts of a run that is to be killed."""
EXACT = ("label", "label_id", "undefended_label", "flagged", "verified", "tested", "action", "truncated", "suspects")
"""Columns in which a row must equal the verdict of the Python API; p-values may differ in their last digits."""
TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Screening:
    """A run of the command."""

    checkpoint: Path
    calibration: Path
    data: Path
    out: Path
    workers: int
    shard_rows: int

    def command(self) -> list[str]:
        """As a user would type it."""
        options = {name.replace("_", "-"): value for name, value in vars(self).items()}
        typed = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return [sys.executable, "-m", "scripts.screen_corpus", *typed, "--keep-text"]


def pieces(texts: Iterable[str], *, n_words: int) -> list[str]:
    """Texts cut into pieces of so many words at most, each once, in their order."""
    found: dict[str, None] = {}
    for text in texts:
        words = text.split()
        for start in range(0, len(words), n_words):
            found[" ".join(words[start : start + n_words])] = None
    return list(found)


def corpus_of(
    texts: Sequence[str], *, n_rows: int, triggers: Sequence[str], share: float, rng: np.random.Generator
) -> list[tuple[str, str | None]]:
    """Texts drawn without repeats, some with a trigger put in; each with its trigger or none.

    Raises:
        LabError: there are fewer.
    """
    if len(texts) < n_rows:
        raise LabError(
            f"--data must give {n_rows} different texts, gives {len(texts)}; name more files or fewer --rows"
        )
    rows: list[tuple[str, str | None]] = [(texts[place], None) for place in rng.permutation(len(texts))[:n_rows]]
    for place in rng.permutation(n_rows)[: round(share * n_rows)] if triggers else ():
        words, trigger = rows[place][0].split(), str(rng.choice(list(triggers)))
        words.insert(int(rng.integers(len(words) + 1)), trigger)
        rows[place] = (" ".join(words), trigger)
    return rows


def write_texts(path: Path, texts: Sequence[str]) -> None:
    """As Parquet, in one column."""
    pyarrow.parquet.write_table(pyarrow.table({"text": list(texts)}), path)


def run(screening: Screening) -> dict[str, Any]:
    """The summary of a run, with its seconds from start to end.

    Raises:
        LabError: the command failed.
    """
    start = time.monotonic()
    done = subprocess.run(screening.command(), check=False)
    if done.returncode:
        raise LabError(f"{screening.out}: screen_corpus ended with exit code {done.returncode}")
    return summary_in(screening.out) | {"wall_seconds": time.monotonic() - start}


def run_with_a_dead_worker(screening: Screening) -> dict[str, Any]:
    """The same, with one worker killed when the first part is there."""
    with subprocess.Popen(screening.command()) as process:
        await_part(screening.out, process)
        workers = [each for each in psutil.Process(process.pid).children(recursive=True) if _is_worker(each)]
        if not workers:
            raise LabError(f"{screening.out}: no worker was found to kill")
        workers[0].send_signal(signal.SIGKILL)
        n_parts = _n_parts(screening.out)
        if process.wait():
            raise LabError(f"{screening.out}: screen_corpus ended with exit code {process.returncode}")
    return summary_in(screening.out) | {"n_parts_before": n_parts}


def run_twice(screening: Screening) -> dict[str, Any]:
    """The same, killed altogether when the first part is there, and begun again."""
    with subprocess.Popen(screening.command()) as process:
        await_part(screening.out, process)
        process.kill()
    n_parts = _n_parts(screening.out)
    return run(screening) | {"n_parts_before": n_parts}


def summary_in(out: Path) -> dict[str, Any]:
    """What a run wrote of itself."""
    found: dict[str, Any] = json.loads((out / SUMMARY).read_text(encoding="utf-8"))
    return found


def rows_in(out: Path) -> list[dict[str, Any]]:
    """All rows of a run, by their numbers."""
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(out / FOLDER).to_pylist()
    return sorted(rows, key=lambda row: (row["file"], row["row"]))


def peak_mb(summary: Mapping[str, Any]) -> dict[str, float]:
    """The most memory of the driver, and of any worker."""
    workers = [peak for each in summary["passes"] for peak in each["worker_peak_mb"]]
    return {"driver": summary["driver_peak_mb"], "worker": max(workers)}


def compared(screening: Screening, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Rows of a run against the Python API without memory.

    Returns:
        `n_cold`, rows that no later pass looked at again, of these `n_cold_equal`; `n_again`, those that one did, of
        these `n_again_changed` that without memory get another verdict.
    """
    defense = Defense.load(screening.checkpoint, calibration=screening.calibration, registry=NoRegistry())
    counts = dict.fromkeys(("n_cold", "n_cold_equal", "n_again", "n_again_changed"), 0)
    for start in range(0, len(rows), 64):
        some = rows[start : start + 64]
        for row, verdict in zip(some, defense([row["text"] for row in some]), strict=True):
            same = _same(row, verdict_row(RowPlace(row["file"], row["row"]), row["text"], verdict, 1))
            counts["n_cold"] += row["pass"] == 1
            counts["n_cold_equal"] += row["pass"] == 1 and same
            counts["n_again"] += row["pass"] > 1
            counts["n_again_changed"] += row["pass"] > 1 and not same
    return counts


def n_differing(rows: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> int:
    """Rows in which two runs over one corpus differ, lost and doubled ones included."""
    numbers = [row["row"] for row in rows], [row["row"] for row in others]
    if numbers[0] != numbers[1] or len(set(numbers[0])) != len(rows):
        return max(len(rows), len(others))
    return sum(row["pass"] != other["pass"] or not _same(row, other) for row, other in zip(rows, others, strict=True))


def _same(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    if row["error"] is not None or other["error"] is not None:
        return bool(row["error"] == other["error"])
    return all(row[name] == other[name] for name in EXACT) and abs(row["p_value"] - other["p_value"]) <= TOLERANCE


def _n_parts(out: Path) -> int:
    return len(list((out / FOLDER).glob("part-*")))


def _is_worker(process: psutil.Process) -> bool:
    try:
        return " ".join(process.cmdline()).startswith(WORKER)
    except psutil.Error:
        return False


def await_part(out: Path, process: "subprocess.Popen[bytes]") -> None:
    """Until a run has its first part.

    Raises:
        LabError: it ends before, or takes too long.
    """
    for _ in range(PATIENCE_S * 10):
        if any((out / FOLDER).glob("part-*")):
            return
        if process.poll() is not None:
            raise LabError(f"{out}: screen_corpus ended with exit code {process.returncode} before its first part")
        time.sleep(0.1)
    raise LabError(f"{out}: no part after {PATIENCE_S} seconds")
