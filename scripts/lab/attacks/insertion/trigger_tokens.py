"""Where words stand among a batch's tokens."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor


def spellings(tokenizer: Any, words: Iterable[str]) -> list[tuple[int, ...]]:
    """The words' tokens at the start of a text and after a space, which differ in byte-level tokenizers."""
    texts = [text for word in words for text in (word, f" {word}")]
    return sorted({tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts})


def find_sequences(token_ids: Tensor, sequences: Sequence[tuple[int, ...]]) -> Tensor:
    """`[batch, tokens]` bool: True at tokens that belong to one of the sequences."""
    found = torch.zeros_like(token_ids, dtype=torch.bool)
    for sequence in sequences:
        if len(sequence) > token_ids.shape[1]:
            continue
        windows = token_ids.unfold(1, len(sequence), 1)
        starts = (windows == torch.tensor(sequence, device=token_ids.device)).all(dim=-1)
        for offset in range(len(sequence)):
            found[:, offset : offset + starts.shape[1]] |= starts
    return found
