"""Split work into micro-batches of texts of like length, so that little is spent on padding."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from handler.xgraad.encoding import Encoding

Result = TypeVar("Result")

MAX_TOKENS = 4096
"""Padded tokens in one micro-batch: a bound on memory, whatever clients send."""
MAX_PADDING = 0.1
"""Share of a micro-batch that may be padding."""


def in_microbatches(
    encodings: Sequence[Encoding], work: Callable[[Sequence[Encoding]], Sequence[Result]]
) -> list[Result]:
    """Apply `work` to micro-batches and give its results back in the order of `encodings`."""
    results: dict[int, Result] = {}
    for part in microbatches([len(encoding) for encoding in encodings]):
        for index, result in zip(part, work([encodings[index] for index in part]), strict=True):
            results[index] = result
    return [results[index] for index in range(len(encodings))]


def microbatches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indices of texts that go together, from the shortest to the longest."""
    part: list[int] = []
    n_tokens = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        width, n_texts = lengths[index], len(part) + 1
        padding = 1 - (n_tokens + width) / (width * n_texts)
        if part and (padding > MAX_PADDING or width * n_texts > MAX_TOKENS):
            yield part
            part, n_tokens = [], 0
        part.append(index)
        n_tokens += width
    if part:
        yield part
