"""A served model under load for a long time: are its answers those of the Python API, and does its memory stay flat."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from handler.xgraad import Defense, Verdict
from handler.xgraad.scoring.conformal import linear_trend
from scripts.console.errors import LabError
from scripts.lab.cost.load import Crowd, IsRight
from scripts.serving.running_server import RunningServer

MIB = 2**20
SETTLING = 0.2
"""Share of the time that is left out of slopes: memory is taken once at the start, and then for good."""
CURVE = 24
"""Samples that are kept, at most."""
MAX_ROUNDS = 10


class Snapshot(NamedTuple):
    """One look at the workers."""

    seconds: float
    """Since the load began."""
    n_requests: int
    """Answered until then."""
    memory_bytes: int
    """Resident, of all workers."""
    pids: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class MemoryTrend:
    """How the workers' memory changed, all of them together."""

    first_mib: float
    last_mib: float
    mib_per_minute: float
    """Slope of a line through all samples after `SETTLING`."""
    mib_per_1000_requests: float


def settled_verdicts(defense: Defense, texts: Sequence[str]) -> dict[str, Verdict]:
    """What `defense` says of each text once no text tells it of a trigger that it does not remember yet.

    Until then an answer depends on which texts came before; from then on it does not, and a server that starts with
    the same registry must give the same.

    Raises:
        LabError: the texts keep telling it of triggers.
    """
    for _ in range(MAX_ROUNDS):
        n_triggers = len(defense.registry)
        verdicts = dict(zip(texts, defense(texts), strict=True))
        if len(defense.registry) == n_triggers:
            return verdicts
    raise LabError(f"texts must tell of no new trigger at some time, did so after {MAX_ROUNDS} rounds; use other texts")


def compared_with(verdicts: Mapping[str, Verdict]) -> IsRight:
    """Whether a reply tells of the same labels, decision and edit."""

    def is_right(text: str, document: Any) -> bool:
        verdict, told = verdicts[text], document["defense"]
        return bool(
            document["label_id"] == verdict.label_id
            and told["undefended"]["label_id"] == verdict.undefended.label_id
            and (told["flagged"], told["verified"]) == (verdict.flagged, verdict.verified)
            and told["neutralized_text"] == verdict.neutralized_text
        )

    return is_right


def watch(server: RunningServer, crowd: Crowd, *, seconds: float, every_s: float) -> list[Snapshot]:
    """Look at the workers every so often while the clients work, at least three times."""
    start, samples = time.perf_counter(), list[Snapshot]()
    with server.client(timeout_s=30.0) as client:
        while (passed := time.perf_counter() - start) < seconds or len(samples) < 3:
            workers = server.workers(client)
            memory, pids = sum(each.memory_bytes for each in workers), frozenset(each.pid for each in workers)
            samples.append(Snapshot(passed, len(crowd.seen), memory, pids))
            time.sleep(every_s)
    return samples


def growth(samples: Sequence[Snapshot]) -> MemoryTrend:
    """Slopes of the memory over time and over requests."""
    kept = [sample for sample in samples if sample.seconds >= SETTLING * samples[-1].seconds]
    memory = np.array([sample.memory_bytes / MIB for sample in kept])
    minutes = np.array([sample.seconds / 60 for sample in kept])
    thousands = np.array([sample.n_requests / 1000 for sample in kept])
    return MemoryTrend(
        first_mib=samples[0].memory_bytes / MIB,
        last_mib=samples[-1].memory_bytes / MIB,
        mib_per_minute=linear_trend(minutes, memory)[1],
        mib_per_1000_requests=linear_trend(thousands, memory)[1],
    )


def curve(samples: Sequence[Snapshot]) -> list[tuple[float, float]]:
    """Seconds and MiB of some samples, evenly spaced, the last among them."""
    step = -(-len(samples) // CURVE)
    return [(round(each.seconds, 1), round(each.memory_bytes / MIB, 2)) for each in samples[::-step]][::-1]


def n_restarts(samples: Sequence[Snapshot]) -> int:
    """Worker processes that were not there at first."""
    return len(frozenset().union(*(sample.pids for sample in samples)) - samples[0].pids)
