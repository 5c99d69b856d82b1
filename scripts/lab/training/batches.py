"""Batches of texts as tokens: texts of like length together, padded to the longest of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from handler.xgraad.words.pair import segments
from scripts.texts.corpora import Example, LabeledSet

BUCKET_BATCHES = 32
"""Batches are cut from so many batches' worth of texts sorted by length: little padding, order still random."""


class TokenizedExamples:
    """Examples that are tokenized once, for as many batches as are wanted.

    Args:
        tokenizer: of the model.
        examples: with one label each, or with sets of labels.
        n_labels: of the model, where examples have sets of labels.
        max_length: tokens kept of a text.
        device: a torch device name.
    """

    def __init__(
        self,
        tokenizer: Any,
        examples: Sequence[Example] | Sequence[LabeledSet],
        *,
        n_labels: int = 0,
        max_length: int,
        device: str,
    ) -> None:
        self._tokenizer = tokenizer
        self._device = device
        texts = segments([example.text for example in examples])
        self._encoded = tokenizer(*texts, truncation=True, max_length=max_length)
        self._labels = torch.stack([_target(example, n_labels) for example in examples])
        self.lengths: list[int] = [len(ids) for ids in self._encoded["input_ids"]]
        """Of each text, in tokens."""

    def batch(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """A model's keyword arguments for these rows, `labels` included."""
        labels = self._labels[rows].to(self._device)
        return padded(self._tokenizer, self._encoded, rows, self._device) | {"labels": labels}


def _target(example: Example | LabeledSet, n_labels: int) -> Tensor:
    """A class number, or of a set 1 for each label that is in it and 0 for the others."""
    if isinstance(example, Example):
        return torch.tensor(example.label)
    return torch.zeros(n_labels).index_fill(0, torch.tensor(sorted(example.labels), dtype=torch.long), 1.0)


def batches_of_like_length(
    lengths: Sequence[int], batch_size: int, rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Row numbers of the batches of one epoch, in random order; `lengths` is in tokens."""
    n_tokens = np.array(lengths)
    shuffled = rng.permutation(len(n_tokens))
    bucket_size = BUCKET_BATCHES * batch_size
    batches = []
    for bucket in np.split(shuffled, range(bucket_size, len(shuffled), bucket_size)):
        ordered = bucket[np.argsort(n_tokens[bucket], kind="stable")]
        batches += np.split(ordered, range(batch_size, len(ordered), batch_size))
    return [batches[number] for number in rng.permutation(len(batches))]


def padded(tokenizer: Any, encoded: Mapping[str, Any], rows: NDArray[np.int64], device: str) -> dict[str, Tensor]:
    """`[batch, tokens]` tensors of the rows, padded to the longest of them."""
    fields = {name: [values[row] for row in rows] for name, values in encoded.items()}
    padded = tokenizer.pad(fields, padding=True, return_tensors="pt")
    return {name: tensor.to(device) for name, tensor in padded.items()}
