"""Whether memory stays what it is over many calls of one pass, measured in a process of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psutil
import torch

from handler.xgraad.scoring.conformal import linear_trend
from scripts.lab.cost.passes import Call, ComparedModels, texts_of_length
from scripts.lab.cost.peak_memory import Job, in_own_process

N_SAMPLES = 40
WARM_UP_SHARE = 0.1
"""Of the calls; allocators take what they need and keep it."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """Resident memory over calls; on a GPU, what PyTorch holds there."""

    name: str
    tokens: int
    """Of the longest texts; a third of the calls each has texts of a quarter, a half, and all of it."""
    batch: int
    n_calls: int
    first_bytes: int
    last_bytes: int
    bytes_per_call: float
    """Slope of a straight line through the samples after the warm-up."""


def memory_growth(job: Job, n_calls: int) -> Growth:
    """Run one pass so often in a fresh process and watch its memory.

    Raises:
        LabError: the process ended without a result, or took too long.
    """
    samples: list[tuple[int, int]] = in_own_process(_samples_of, job, n_calls)
    return Growth(
        name=job.name,
        tokens=job.cell.tokens,
        batch=job.cell.batch,
        n_calls=n_calls,
        first_bytes=samples[0][1],
        last_bytes=samples[-1][1],
        bytes_per_call=slope(samples),
    )


def slope(samples: Sequence[tuple[int, int]]) -> float:
    """Bytes for each call, of a straight line through (calls so far, bytes)."""
    calls, sizes = np.array(samples, dtype=float).T
    return linear_trend(calls, sizes)[1]


def _samples_of(job: Job, n_calls: int) -> list[tuple[int, int]]:
    """(calls so far, bytes), the first after the warm-up and the last after all calls."""
    torch.set_num_threads(1)
    models = ComparedModels(job.checkpoint, job.calibration, device=job.device)
    work = models.passes([job.name])[job.name]
    sources = [texts_of_length(job.texts, job.cell.tokens // part, models.encode) for part in (4, 2, 1)]
    first, every = int(WARM_UP_SHARE * n_calls), max(1, n_calls // N_SAMPLES)
    samples = []
    for number in range(1, n_calls + 1):
        texts = [next(sources[number % len(sources)]) for _ in range(job.cell.batch)]
        work(Call(texts, models.encode(texts), (number - 1) * job.cell.batch))
        if number >= first and (number % every == 0 or number == n_calls):
            samples.append((number, _in_use(job.device)))
    return samples


def _in_use(device: str) -> int:
    return psutil.Process().memory_info().rss if device == "cpu" else torch.cuda.memory_reserved(device)
