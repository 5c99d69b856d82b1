"""STRIP: a trigger holds the label while other words of the text are replaced, so the prediction stays certain.

Gao, Xu, Wang, Chen, Ranasinghe and Nepal, "STRIP: A Defence Against Trojan Attacks on Deep Neural Networks", ACSAC
2019, arXiv 1902.06531; for texts STRIP-ViTA by Gao and others, arXiv 1911.10312.
"""

import math
from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray

from handler.xgraad.model.prediction import Prediction
from handler.xgraad.words.text import Replacement, replace_spans, split_words
from scripts.lab.defenses.judges.detector import Detector
from scripts.texts.corpora import Example

CHUNK = 64
"""Texts whose copies are made and asked about at a time: a bound on memory."""


class Strip(Detector):
    """Replaces half of the words by the weightiest words of clean texts, and looks how certain the answers stay.

    Departures from the paper: 20 copies of a text instead of 100, since each is a pass of the model (RAP's comparison
    has 20 too); one share of the words for all data, the one of OpenBackdoor; and what is drawn for a text is drawn
    from the text itself, so that it does not depend on its neighbors. Entropies are averaged over the copies of each
    text; OpenBackdoor's code averages over those of different texts, and has no number where a probability is 0.
    """

    NAME = "strip"
    N_COPIES = 20
    SHARE = 0.5
    """Of a text's words that are replaced in each copy, rounded up."""

    def fit(self, examples: Sequence[Example]) -> None:
        """Keep the words of each clean text, by tf-idf."""
        self._donors = [each for each in weighty_words([example.text for example in examples]) if each]

    def scores(self, texts: Sequence[str], _said: Sequence[Prediction]) -> NDArray[np.float64]:
        """`[texts]` the mean entropy of the copies' predictions, in nats, with its sign turned."""
        parts = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
        return np.concatenate([np.empty(0), *(-self._mean_entropies(part) for part in parts)])

    def copies(self, text: str) -> list[str]:
        """The text with other words, each time others."""
        words = split_words(text)
        n_replaced = math.ceil(self.SHARE * len(words))
        rng = np.random.default_rng(int.from_bytes(sha256(text.encode()).digest()))
        copies = []
        for _ in range(self.N_COPIES):
            donor = self._donors[rng.integers(len(self._donors))]
            places = rng.permutation(len(words))[:n_replaced]
            new = [
                Replacement(words[place].start, words[place].end, donor[rank % len(donor)])
                for rank, place in enumerate(places)
            ]
            copies.append(replace_spans(text, new))
        return copies

    def _mean_entropies(self, texts: Sequence[str]) -> NDArray[np.float64]:
        copies = [copy for text in texts for copy in self.copies(text)]
        logits = self.classifier.logits(self.classifier.encode(copies)).double()
        entropies = torch.distributions.Categorical(logits=logits).entropy()
        return np.asarray(entropies.reshape(len(texts), self.N_COPIES).mean(dim=1).numpy())


def weighty_words(texts: Sequence[str]) -> list[list[str]]:
    """The different words of each text, the one of the highest tf-idf first, of equals the one that comes first.

    Args:
        texts: the collection; idf is the logarithm of its size over the number of texts that have the word.
    """
    words = [[word.key for word in split_words(text)] for text in texts]
    n_texts_with = Counter(key for keys in words for key in set(keys))
    idf = {key: math.log(len(texts) / n) for key, n in n_texts_with.items()}
    return [
        sorted(counts, key=lambda key, counts=counts: -counts[key] * idf[key])  # type: ignore[misc]
        for counts in map(Counter, words)
    ]
