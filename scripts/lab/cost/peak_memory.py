"""How much memory one pass takes at its peak, measured in a process of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TypeVar

import psutil
import torch

from scripts.console.errors import LabError
from scripts.corpus.held_memory import peak_bytes
from scripts.lab.cost.passes import Call, ComparedModels, texts_of_length
from scripts.lab.cost.speed import SpeedCell

TIMEOUT_S = 600.0
SHORT_TOKENS = 8

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to measure."""

    checkpoint: Path
    calibration: Path
    device: str
    name: str
    """Of the pass."""
    cell: SpeedCell
    texts: tuple[str, ...]
    """Clean ones, whose words the texts of the wanted length are made of."""


@dataclass(frozen=True, kw_only=True)
class Peak:
    """The weights, and what a call takes above what a short one has left; on a GPU, what PyTorch allocated.

    After the short call the libraries' code is in memory, and the weights, which are read from their file when they are
    first used.
    """

    name: str
    tokens: int
    batch: int
    peak_bytes: int
    """Weights and activations."""


def peak_memory(job: Job) -> Peak:
    """Run one pass in a fresh process and tell its peak.

    Raises:
        LabError: the process ended without a result, or took too long.
    """
    found: int = in_own_process(_peak_of, job)
    return Peak(name=job.name, tokens=job.cell.tokens, batch=job.cell.batch, peak_bytes=found)


def in_own_process(measure: Callable[..., T], job: Job, *more: object) -> T:
    """What `measure(job, *more)` returns in a fresh process.

    Raises:
        LabError: the process ended without a result, or took too long.
    """
    context = get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(sender, measure, job, *more), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(TIMEOUT_S):
            raise LabError(f"the memory of the pass {job.name} was not measured within {TIMEOUT_S:g} s")
        found: T = receiver.recv()
        return found
    except EOFError as error:
        raise LabError(f"the process that measures the memory of the pass {job.name} ended; see above") from error
    finally:
        process.kill()
        process.join()


def _send(sender: Connection, measure: Callable[..., object], *arguments: object) -> None:
    sender.send(measure(*arguments))


def _peak_of(job: Job) -> int:
    """The peak, in bytes."""
    torch.set_num_threads(1)
    models = ComparedModels(job.checkpoint, job.calibration, device=job.device)
    work = models.passes([job.name])[job.name]
    short, call = (_call(job, models, cell) for cell in (SpeedCell(SHORT_TOKENS, 1), job.cell))
    work(short)
    _forget_peak()
    before = psutil.Process().memory_info().rss
    work(call)
    if job.device != "cpu":
        return torch.cuda.max_memory_allocated()
    return (job.checkpoint / "model.safetensors").stat().st_size + peak_bytes() - before


def _call(job: Job, models: ComparedModels, cell: SpeedCell) -> Call:
    source = texts_of_length(job.texts, cell.tokens, models.encode)
    texts = [next(source) for _ in range(cell.batch)]
    return Call(texts, models.encode(texts), 0)


def _forget_peak() -> None:
    """Let the peak start again from what is in use; loading a model takes more for a moment."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return
