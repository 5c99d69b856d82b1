"""Where a score stands beside its threshold and the scores of clean models: places on one line."""

from math import isfinite
from typing import NamedTuple

from scripts.admission.scan import CheckResult

EDGE = 4.0
"""Percent of the line that stay free on either side."""


class Scale(NamedTuple):
    """Places in percent of the line's width, from the least suspicious to the most."""

    score: float
    threshold: float | None
    clean: tuple[float, ...]


def scale_of(check: CheckResult) -> Scale | None:
    """The places; None where there is no score, or nothing to see it beside."""
    if check.score is None or (check.threshold is None and not check.clean_scores):
        return None
    values = [check.score, *check.clean_scores, *([] if check.threshold is None else [check.threshold])]
    low, high = min(values), max(values)
    scale = 1.0 if isfinite(high - low) else 0.5  # halves where the width of the range is no number
    width = scale * high - scale * low

    def place(value: float) -> float:
        return EDGE + (100 - 2 * EDGE) * ((scale * value - scale * low) / width) if width > 0 else 50.0

    return Scale(
        score=place(check.score),
        threshold=None if check.threshold is None else place(check.threshold),
        clean=tuple(map(place, check.clean_scores)),
    )
