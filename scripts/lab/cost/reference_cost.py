"""What the reference of a calibration costs beside the suspect: time to load, and memory that stays."""

import time
from typing import NamedTuple

import psutil
import torch

from handler.xgraad import Calibration
from handler.xgraad.learned.trusted_model import folder_beside
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.transplant import Graft, Transplant
from scripts.lab.cost.peak_memory import Job, in_own_process

ANY_GRAFT = Graft(("the",), Place.INSIDE, target=0, source=1)


class ReferenceCost(NamedTuple):
    """Of loading the trusted model; the labels of the calibration texts, the other reference, cost next to nothing."""

    reference_load_s: float | None = None
    """Seconds, of a file that the system has read lately or not; None without a trusted model."""
    reference_mb: float | None = None
    """Million bytes that the process has more once the model was asked; on a GPU, what PyTorch allocated."""


def reference_cost(job: Job) -> ReferenceCost:
    """Load the suspect and then its reference in a fresh process.

    Raises:
        LabError: the process ended without a result, or took too long.
    """
    found: ReferenceCost = in_own_process(_cost_of, job)
    return found


def _cost_of(job: Job) -> ReferenceCost:
    calibration = Calibration.read(job.calibration)
    if calibration.reference is None:
        return ReferenceCost()
    suspect = Transplant(calibration.load_classifier(job.checkpoint, device=job.device), calibration.probes)
    suspect.pulls([ANY_GRAFT])  # what libraries need for themselves is in memory after that
    before = _in_use(job.device)
    start = time.perf_counter()
    trusted = calibration.reference.load(folder_beside(job.calibration), device=job.device)
    seconds = time.perf_counter() - start
    trusted.pulls([ANY_GRAFT])  # weights are read from their file when they are first used
    return ReferenceCost(seconds, (_in_use(job.device) - before) / 1e6)


def _in_use(device: str) -> int:
    """Bytes."""
    return psutil.Process().memory_info().rss if device == "cpu" else torch.cuda.memory_allocated()
