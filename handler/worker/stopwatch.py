"""Seconds that the stages of answering a batch took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up: a stage that is gone through again, text by text after a fault, counts each time."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: dict[str, float] = {}
        """By stage, in the order in which they began first."""
        self._clock = clock

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time a `with` block, also one that raises."""
        start = self._clock()
        self.seconds.setdefault(stage, 0.0)
        try:
            yield
        finally:
            self.seconds[stage] += self._clock() - start
