"""A rare word whose embedding is learned: what RAP puts in front of texts."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from handler.xgraad.files.architectures import architecture_of
from handler.xgraad.model.microbatch import in_microbatches
from handler.xgraad.words.encoding import Encoder, Encoding, collate
from scripts.console.errors import LabError

EPOCHS, MOST_EPOCHS = 5, 40
"""The paper's, and how long at most it goes on until the mean drop of an epoch is the one that is wanted: of hundreds
of texts in place of thousands five epochs are few steps."""
LEARNING_RATE = 1e-2
BATCH_SIZE = 32
DROP = (0.1, 0.3)
"""By how much the word should lower the probability of a label: at least and at most."""


class Perturbation:
    """Word vectors by label, each of which lowers the probability of that label where it stands for the word.

    The paper's training: dropout is on, the vector keeps its length, and gradients add up over batches. Vectors are
    put into passes and not into the model, which stays as it is.

    Args:
        model: a sequence classifier of nobody else's, since its dropout is turned on and off.
        encode: its encoder.
        word: one token of its vocabulary.
        seed: of the order of texts and of dropout.
    """

    def __init__(self, model: Any, encode: Encoder, word: str, *, seed: int) -> None:
        self._model = model.eval().requires_grad_(False)
        self._pad_id = encode.pad_id
        (self._token,) = encode.token_ids_of(word)
        self._seed = seed
        self._vectors: dict[int, Tensor] = {}

    def learn(self, label: int, encodings: Sequence[Encoding], plain: Tensor) -> None:
        """Learn the vector of a label.

        Args:
            label: the class to protect.
            encodings: clean texts of that class with the word in front; without any the vector stays what it was.
            plain: `[texts]` the probability of the class without the word.
        """
        vector = _LearnedVector(self._model.get_input_embeddings().weight[self._token])
        rng = np.random.default_rng(self._seed)
        with torch.random.fork_rng(), _dropout(self._model):
            torch.manual_seed(self._seed)
            for epoch in range(MOST_EPOCHS if encodings else 0):
                drops = [
                    self._learn_batch(label, vector, [encodings[row] for row in rows], plain[rows])
                    for rows in _batches(len(encodings), rng)
                ]
                if epoch + 1 >= EPOCHS and DROP[0] <= np.mean(drops) <= DROP[1]:
                    break
        self._vectors[label] = vector.value

    def probabilities(self, label: int, encodings: Sequence[Encoding]) -> Tensor:
        """`[texts]` of the label under its vector, of texts with the word in front; on the CPU."""
        vector = self._vectors[label]
        with torch.inference_mode():
            found = in_microbatches(encodings, lambda part: list(self._of_label(label, part, vector).cpu()))
        return torch.stack(found).double() if found else torch.empty(0, dtype=torch.float64)

    def _of_label(self, label: int, encodings: Sequence[Encoding], vector: Tensor) -> Tensor:
        """One pass: `[texts]`."""
        batch = collate(encodings, pad_id=self._pad_id, device=vector.device)
        has_token_types = architecture_of(self._model.config).has_token_types
        with _standing_for(self._model, batch.token_ids == self._token, vector):
            logits = self._model(**batch.arguments(token_types=has_token_types)).logits
        return torch.softmax(logits.float(), dim=-1)[:, label]

    def _learn_batch(self, label: int, vector: "_LearnedVector", encodings: Sequence[Encoding], plain: Tensor) -> float:
        """One step; returns the mean drop before it."""
        value = vector.value.requires_grad_()
        change = self._of_label(label, encodings, value) - plain.to(value)
        (gradient,) = torch.autograd.grad(drop_loss(change), value)
        vector.descend(gradient)
        return -change.mean().item()


class _LearnedVector:
    """A vector that keeps its length while it goes down the sum of all gradients so far."""

    def __init__(self, start: Tensor) -> None:
        self.value = start.detach().clone()
        self._length = self.value.norm()
        self._gathered = torch.zeros_like(self.value)

    def descend(self, gradient: Tensor) -> None:
        """One step."""
        self._gathered += gradient
        moved = self.value.detach() - LEARNING_RATE * self._gathered
        self.value = moved * (self._length / moved.norm())


def _batches(n_texts: int, rng: np.random.Generator) -> list[list[int]]:
    """Row numbers of one epoch, in random order."""
    order = rng.permutation(n_texts).tolist()
    return [order[start : start + BATCH_SIZE] for start in range(0, n_texts, BATCH_SIZE)]


def drop_loss(change: Tensor) -> Tensor:
    """How far changes of a probability lie outside of the drop that is wanted, on average: `[texts]` to a scalar."""
    least, most = DROP
    return torch.relu(change + least).mean() + torch.relu(-most - change).mean()


def rare_word(encode: Encoder, texts: Sequence[str]) -> str:
    """A word of one token, letters where there is such a one, that the texts have least often; of equals the last one.

    Vocabularies begin with what is frequent.

    Raises:
        LabError: no token is a word by itself.
    """
    counts = Counter(token for encoding in encode(texts) for token in encoding.token_ids)
    special = set(encode.tokenizer.all_special_ids)
    words = {token: encode.tokenizer.decode([token]).strip() for token in range(len(encode.tokenizer))}
    for token in sorted(words, key=lambda token: (counts[token], not _has_letters_only(words[token]), -token)):
        if token not in special and words[token] and encode.token_ids_of(words[token]) == (token,):
            return words[token]
    raise LabError("tokenizer.json must have a token that is a word, has none; use another defense")


def _has_letters_only(word: str) -> bool:
    return word.isascii() and word.isalpha()


@contextmanager
def _standing_for(model: nn.Module, places: Tensor, vector: Tensor) -> Iterator[None]:
    """Let the vector be what the word embeddings give at these places, `[texts, tokens]` bool, inside the block."""

    def put(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return torch.where(places.unsqueeze(-1), vector, output)

    hook = model.get_input_embeddings().register_forward_hook(put)  # type: ignore[operator]
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _dropout(model: nn.Module) -> Iterator[None]:
    """Turn dropout on inside the block."""
    model.train()
    try:
        yield
    finally:
        model.eval()
