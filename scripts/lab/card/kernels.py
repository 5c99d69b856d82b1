"""Which way attention goes on a device, and which of its kernels take the time."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.profiler import ProfilerActivity, profile

from handler.xgraad.model.attention_capture import attention_way
from scripts.lab.cost.pass_names import PLAIN
from scripts.lab.cost.passes import Call, ComparedModels, texts_of_length
from scripts.lab.cost.speed import SpeedCell

PROFILED = (PLAIN, "look", "scoring")
MOST = 6
"""Kernels told of each pass."""


@dataclass(frozen=True, kw_only=True)
class PassKernels:
    """One pass at one length and batch size."""

    name: str
    tokens: int
    batch: int
    way: str
    """Of attention, in passes that trace."""
    kernels: tuple[tuple[str, float], ...]
    """Names, and shares of the device's time in [0, 1]; the greatest first."""


def profiled(models: ComparedModels, cells: Sequence[SpeedCell], texts: Sequence[str]) -> list[PassKernels]:
    """Every pass in every cell, after one call that is not looked at."""
    passes = models.passes(PROFILED)
    found = []
    for cell in cells:
        drawn = texts_of_length(texts, cell.tokens, models.encode)
        part = [next(drawn) for _ in range(cell.batch)]
        call = Call(part, models.encode(part), 0)
        for name, each in passes.items():
            each(call)
            with profile(activities=_activities(models.device)) as profiler:
                each(call)
            found.append(
                PassKernels(
                    name=name,
                    tokens=cell.tokens,
                    batch=cell.batch,
                    way=attention_way(models.device, cell.tokens).__name__,
                    kernels=_greatest(profiler, models.device),
                )
            )
    return found


def _activities(device: torch.device) -> list[ProfilerActivity]:
    return [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]


def _greatest(profiler: profile, device: torch.device) -> tuple[tuple[str, float], ...]:
    """By time on the device itself; on a CPU an operation's own, without those it calls."""
    own = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    times = {event.key: float(getattr(event, own)) for event in profiler.key_averages()}
    whole = sum(times.values()) or 1.0
    names = sorted(times, key=lambda name: (-times[name], name))[:MOST]
    return tuple((name, times[name] / whole) for name in names)
