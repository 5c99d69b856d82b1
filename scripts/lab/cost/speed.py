"""What each pass costs, beside the plain model's, on the same texts in the same run.

On a CPU a ratio is one of processor time, which does not count the waiting for other programs; on a GPU it is one of
wall-clock time. Passes take turns, round by round, so that what slows the machine down slows all of them down.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import NamedTuple

import torch

from scripts.lab.cost.pass_names import ATTACKED, PLAIN
from scripts.lab.cost.passes import Call, ComparedModels, Pass, attacked

TEXTS_PER_ROUND = 40
"""At the least: two of them pass a gate of 0.05, two are attacked. With fewer the shares would be others."""
TOKENS_PER_ROUND = 5120
"""At the least, since texts behind the gate differ in what they cost: more of them where they are short."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One pass at one length and batch size."""

    name: str
    tokens: int
    batch: int
    seconds_per_text: float
    """Wall clock, median over rounds."""
    cpu_seconds_per_text: float
    """Processor time of all threads, median over rounds."""
    ratio: float
    """To the plain forward pass; see the module."""
    n_rounds: int


class SpeedCell(NamedTuple):
    """What is measured at once."""

    tokens: int
    batch: int
    """Texts in one call."""


def measure_cell(
    passes: Mapping[str, Pass],
    cell: SpeedCell,
    texts: Iterator[str],
    *,
    models: ComparedModels,
    triggers: Sequence[str],
    n_rounds: int,
    deadline: float,
) -> list[Cost]:
    """Costs of all passes at one length and batch size, after one unmeasured call of each.

    Args:
        passes: by name, with the plain one among them.
        cell: length and batch size.
        texts: clean ones of that length, new ones for every round: what is remembered of one helps with others only.
        models: of the passes.
        triggers: words that an attacker uses; the pass `ATTACKED` gets texts with them.
        n_rounds: at most; the first is measured whatever the time.
        deadline: of `time.monotonic`.
    """
    n_calls = -(-max(TEXTS_PER_ROUND, TOKENS_PER_ROUND // cell.tokens) // cell.batch)
    wall: dict[str, list[float]] = {name: [] for name in passes}
    cpu: dict[str, list[float]] = {name: [] for name in passes}
    for number in range(-1, n_rounds):
        if number > 0 and time.monotonic() > deadline:
            break
        first = max(number, 0) * n_calls * cell.batch
        drawn = [list(islice(texts, cell.batch)) for _ in range(n_calls if number >= 0 else 1)]
        for name, each in passes.items():
            words = triggers if name == ATTACKED else ()
            given = [attacked(part, words, first + row * cell.batch) for row, part in enumerate(drawn)]
            calls = [Call(part, models.encode(part), first + row * cell.batch) for row, part in enumerate(given)]
            seconds = _time(each, calls)
            if number >= 0:
                wall[name].append(seconds[0] / (n_calls * cell.batch))
                cpu[name].append(seconds[1] / (n_calls * cell.batch))
    compared = cpu if models.device.type == "cpu" else wall
    return [
        Cost(
            name=name,
            tokens=cell.tokens,
            batch=cell.batch,
            seconds_per_text=median(wall[name]),
            cpu_seconds_per_text=median(cpu[name]),
            ratio=median(mine / plain for mine, plain in zip(compared[name], compared[PLAIN], strict=True)),
            n_rounds=len(wall[name]),
        )
        for name in passes
    ]


def _time(work: Pass, calls: Sequence[Call]) -> tuple[float, float]:
    """Wall-clock and processor seconds of all calls; every pass ends with a copy to the CPU, so nothing is left."""
    wall, cpu = time.perf_counter(), time.process_time()
    for call in calls:
        work(call)
    return time.perf_counter() - wall, time.process_time() - cpu


def device_name(device: str) -> str:
    """What the maker calls a GPU; nothing for a CPU."""
    return "" if device == "cpu" else torch.cuda.get_device_name(device)
