"""Split work into micro-batches of texts of like length, so that little is spent on padding.

A micro-batch that does not fit into the device's memory is tried again in halves: other processes may use the device,
and nobody can tell beforehand how much they leave.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from handler.xgraad.words.encoding import Encoding

Result = TypeVar("Result")

MAX_TOKENS = 4096
"""Padded tokens in one micro-batch: a bound on memory, whatever clients send."""
MAX_PADDING = 0.1
"""Share of a micro-batch that may be padding."""
FREE_PADDING = 48
"""Tokens of padding that are allowed whatever their share: one more pass costs as much (a small encoder takes 9 ms a
pass and 0.2 ms a token on one core). Without it a few short texts would be as many passes."""


def in_microbatches(
    encodings: Sequence[Encoding],
    work: Callable[[Sequence[Encoding]], Sequence[Result]],
    *,
    max_tokens: int = MAX_TOKENS,
) -> list[Result]:
    """Apply `work` to micro-batches and give its results back in the order of `encodings`.

    Args:
        encodings: the texts.
        work: gives one result per text of a micro-batch, in order.
        max_tokens: padded tokens in one micro-batch; a longer text goes alone.

    Raises:
        torch.OutOfMemoryError: a single text does not fit into the device's memory.
    """
    results: dict[int, Result] = {}
    for part in microbatches([len(encoding) for encoding in encodings], max_tokens=max_tokens):
        for index, result in zip(part, _in_halves([encodings[index] for index in part], work), strict=True):
            results[index] = result
    return [results[index] for index in range(len(encodings))]


def _in_halves(
    encodings: Sequence[Encoding], work: Callable[[Sequence[Encoding]], Sequence[Result]]
) -> Sequence[Result]:
    """What `work` returns; where that needs more memory than there is, of one half and then the other."""
    try:
        return work(encodings)
    except torch.OutOfMemoryError:
        if len(encodings) == 1:
            raise
    # Outside the except block: the error's traceback keeps the failed attempt's tensors alive.
    middle = len(encodings) // 2
    return [*_in_halves(encodings[:middle], work), *_in_halves(encodings[middle:], work)]


def microbatches(lengths: Sequence[int], *, max_tokens: int = MAX_TOKENS) -> Iterator[list[int]]:
    """Indices of texts that go together, from the shortest to the longest."""
    part: list[int] = []
    n_tokens = 0
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        width, n_texts = lengths[index], len(part) + 1
        padded = width * n_texts
        padding = padded - n_tokens - width
        if part and (padding > max(MAX_PADDING * padded, FREE_PADDING) or padded > max_tokens):
            yield part
            part, n_tokens = [], 0
        part.append(index)
        n_tokens += width
    if part:
        yield part
