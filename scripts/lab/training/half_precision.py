"""Whether half precision is worth it: some processors have no arithmetic for it, and take sixty times as long."""

import time
from functools import lru_cache

import torch

from scripts.console.command_line import note

WORTH_A_NOTE = 1.5
"""Times as long as in float32."""
N_TRIED = 3


def note_if_slow(option: str, precision: str, device: str) -> None:
    """Say so where the precision that somebody chose makes long work longer; only CPUs are looked at.

    Args:
        option: of the command, to be left out then.
        precision: "float32" or "bfloat16".
        device: as torch names it.
    """
    if precision == "float32" or device != "cpu":
        return
    times = slower_on_this_processor()
    if times > WORTH_A_NOTE:
        note(f"bfloat16 takes {times:.0f} times as long as float32 on this processor; leave {option} out")


@lru_cache(maxsize=1)
def slower_on_this_processor() -> float:
    """How many times as long a product of matrices takes in bfloat16 as in float32."""
    return _seconds(torch.bfloat16) / _seconds(torch.float32)


def _seconds(dtype: torch.dtype) -> float:
    """The least of some, after one that does not count; a few milliseconds in all."""
    matrix = torch.ones(256, 256, dtype=dtype)
    found = []
    for _ in range(1 + N_TRIED):
        start = time.perf_counter()
        matrix @ matrix
        found.append(time.perf_counter() - start)
    return min(found[1:])
