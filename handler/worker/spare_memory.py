"""Memory that is free goes back to the operating system now and then.

Batches differ in shape, and glibc keeps what they leave free between blocks in use. A worker on a CPU grows by a tenth
over its first minutes in this way, though it needs no more than at its start, and an operator cannot tell it from a
leak.
"""

import ctypes
import sys
import time
from collections.abc import Callable

EVERY_S = 60.0
"""Giving back delays the answers of one batch; memory grows slowly enough for once a minute."""


class SpareMemory:
    """Gives free memory back at most every `EVERY_S`, the first time so long after it was made.

    Args:
        trim: gives back; by default glibc's `malloc_trim`, or nothing where there is none.
        clock: seconds.
    """

    def __init__(self, trim: Callable[[], object] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._trim = _malloc_trim() if trim is None else trim
        self._clock = clock
        self._last = clock()

    def give_back(self) -> None:
        """Do so where it is time."""
        if self._clock() - self._last >= EVERY_S:
            self._trim()
            self._last = self._clock()


def _malloc_trim() -> Callable[[], object]:
    found = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    return (lambda: None) if found is None else (lambda: found(0))
