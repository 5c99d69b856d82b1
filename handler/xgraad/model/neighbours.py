"""The words that a model holds for nearest to a word: those whose rows of its embedding table point the same way."""

from functools import cached_property, lru_cache

import torch

from handler.xgraad.model.classifier import Classifier
from handler.xgraad.words.vocabulary import whole_words

MANY = 8
"""Times as many entries of the vocabulary are looked at as words are wanted: some are pieces of words or signs."""
MAX_CACHED = 10_000
"""Words whose neighbours are remembered."""
TINY = 1e-12


class Neighbours:
    """Finds them, for words that are one token.

    Args:
        classifier: whose embedding table is read.
        n: how many words.
    """

    def __init__(self, classifier: Classifier, n: int) -> None:
        self._classifier = classifier
        self._n = n
        self._known = lru_cache(maxsize=MAX_CACHED)(self._nearest)

    def __call__(self, word: str) -> tuple[str, ...]:
        """The nearest first; none for a word of several tokens."""
        return self._known(word)

    def _nearest(self, word: str) -> tuple[str, ...]:
        encode = self._classifier.encode
        token_ids = encode.token_ids_of(f" {word}")
        if len(token_ids) != 1:
            return ()
        similar = self._similarities(token_ids[0])
        nearest = similar.topk(min(MANY * self._n, len(similar))).indices.tolist()
        among = [row for row in nearest if row != token_ids[0] and row in self._entries]
        return tuple(each.text for each in whole_words(encode, among)[: self._n])

    @cached_property
    def _entries(self) -> frozenset[int]:
        """Those of the vocabulary: the table may have more rows."""
        return frozenset(self._classifier.encode.tokenizer.get_vocab().values())

    @cached_property
    @torch.no_grad()
    def _middle(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean of all entries, `[width]`, and how far each lies from it, `[entries]`."""
        table = self._table()
        mean = table.mean(dim=0)
        squares = torch.linalg.vector_norm(table, dim=1).square() - 2 * (table @ mean) + mean @ mean
        return mean, squares.clamp(min=TINY).sqrt()

    @torch.no_grad()
    def _similarities(self, token_id: int) -> torch.Tensor:
        """For each entry the cosine of what sets it apart from the mean of all, `[entries]`, times a constant."""
        table, (mean, distances) = self._table(), self._middle
        apart = table[token_id] - mean
        return (table @ apart - mean @ apart) / distances

    def _table(self) -> torch.Tensor:
        weight: torch.Tensor = self._classifier.model.get_input_embeddings().weight
        return weight.float()
