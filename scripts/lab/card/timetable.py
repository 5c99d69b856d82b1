"""Parts one after the other until the time is over, and what became of each."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from handler.xgraad.errors import XGraadError
from scripts.console.errors import LabError


class Part(NamedTuple):
    """Something to measure; what it finds goes to files of its own."""

    name: str
    run: Callable[[float], None]
    """Takes the seconds that are left, all parts together."""
    takes_s: float
    """About; a part is not begun with less."""


class Outcome(NamedTuple):
    """What became of a part."""

    part: str
    outcome: str
    """`done`, `failed`, or `no time`."""
    seconds: float
    reason: str
    """In one line; nothing of a part that is done."""


def outcomes(parts: Sequence[Part], deadline: float) -> Iterator[Outcome]:
    """Run what there is time for; a part that fails costs the others nothing.

    Args:
        parts: the most wanted first.
        deadline: of `time.monotonic`.
    """
    for part in parts:
        start = time.monotonic()
        left = deadline - start
        if left < part.takes_s:
            yield Outcome(part.name, "no time", 0.0, f"takes about {part.takes_s:.0f} s, {max(left, 0):.0f} s are left")
            continue
        try:
            part.run(left)
        except (LabError, XGraadError, OSError, RuntimeError) as error:  # a GPU's faults are RuntimeErrors
            reason = (str(error) or type(error).__name__).splitlines()[0]
            yield Outcome(part.name, "failed", time.monotonic() - start, reason)
        else:
            yield Outcome(part.name, "done", time.monotonic() - start, "")
