"""Free memory goes back to the operating system, and not with every batch."""

import subprocess
import sys

import pytest

from handler.worker.spare_memory import EVERY_S, SpareMemory

FRAGMENTS = """
import sys
from pathlib import Path
from handler.worker.spare_memory import EVERY_S, SpareMemory

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

now = iter([0.0, 0.0, EVERY_S, EVERY_S])
spare = SpareMemory(clock=lambda: next(now))
blocks = [bytearray(60_000) for _ in range(2_000)]
kept = blocks[::10]
del blocks
before = resident_mib()
spare.give_back()
early = resident_mib()
spare.give_back()
print(before - early, before - resident_mib())
"""


def test_it_waits_between_two_times() -> None:
    now, given = [0.0], []
    spare = SpareMemory(lambda: given.append(now[0]), lambda: now[0])
    for now[0] in (0.0, EVERY_S - 1, EVERY_S, EVERY_S + 1, 2 * EVERY_S - 1, 2 * EVERY_S, 9 * EVERY_S):
        spare.give_back()
    assert given == [EVERY_S, 2 * EVERY_S, 9 * EVERY_S]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' allocators are left alone")
def test_what_lies_free_between_blocks_in_use_is_given_back() -> None:
    """In a process of its own, whose memory nothing else changes."""
    done = subprocess.run([sys.executable, "-c", FRAGMENTS], capture_output=True, text=True, check=True)
    early, given = map(float, done.stdout.split())
    assert early < 5
    assert given > 50
