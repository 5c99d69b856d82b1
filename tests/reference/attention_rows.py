"""What PURE computes from the attention of the first token, as slow loops over one text and head at a time."""

from collections.abc import Sequence
from statistics import pvariance, variance

Row = Sequence[float]
"""Attention of the first token to the tokens of a text, without padding."""


def slow_unevenness(row: Row) -> float:
    """The variance over the tokens, times their number."""
    return len(row) * pvariance(row)


def slow_published_unevenness(row: Row, window: int) -> float:
    """The sample variance over a window that is filled up with zeros, of which the last place is left out."""
    return variance([*row, *[0.0] * (window - len(row))][: window - 1])


def slow_norm(rows: Sequence[Row]) -> float:
    """Of one head, over the texts of a batch: the root of the mean of sums of squares."""
    return float((sum(sum(value * value for value in row) for row in rows) / len(rows)) ** 0.5)


def slow_published_norm(rows: Sequence[Row]) -> float:
    """The same with the sum in place of the mean."""
    return float(sum(sum(value * value for value in row) for row in rows) ** 0.5)
