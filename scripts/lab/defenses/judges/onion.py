"""ONION: words without which a text reads more naturally are taken out.

Qi, Chen, Li, Yao, Liu and Sun, "ONION: A Simple and Effective Defense Against Textual Backdoor Attacks", EMNLP 2021,
arXiv 2011.10369.
"""

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from handler.xgraad import Suspect
from handler.xgraad.words.text import Replacement, Word, replace_spans, split_words
from scripts.lab.defenses.judges.cleaner import Cleaned, Cleaner
from scripts.lab.training.language_model import WordLanguageModel


class Onion(Cleaner):
    """Takes out every word without which perplexity falls by the threshold or more.

    Departures from the paper: perplexity is that of word trigrams learned from the defender's own clean texts instead
    of GPT-2's, since nothing is downloaded. To so small a language model many honest words are as unknown as triggers
    are, so less can be expected of it. A word is what this project calls so, which leaves punctuation alone. The
    threshold is the one that the budget allows, where the authors' code shows many on the test texts; the texts that
    it is tuned on are each scored by a language model that learned from others. That code differs from the paper: see
    `onion_published`.
    """

    NAME = "onion"
    SETTINGS = (*np.geomspace(10_000, 10, 31).tolist(), 0.0)
    """Falls of perplexity. Those of word trigrams are larger than GPT-2's, for which the code tries 1 to 100."""
    N_FOLDS = 5
    """Parts of the clean texts, each scored by a language model of the other four."""

    def prepare(self) -> None:
        """Learn the language of the clean texts, and of the further ones where there are any."""
        self._more = self.material.more_texts() if self.material.more else []
        self._language = self._learned([example.text for example in self.material.clean_examples()])

    def cleaned(self, texts: Sequence[str], settings: Sequence[float]) -> list[list[Cleaned]]:
        """See `Cleaner`."""
        return self._by(self._language, texts, settings)

    def cleaned_unseen(self, texts: Sequence[str], settings: Sequence[float]) -> list[list[Cleaned]]:
        """See `Cleaner`."""
        found: list[list[Cleaned]] = [[Cleaned(text) for text in texts] for _ in settings]
        for fold in range(self.N_FOLDS):
            rows = range(fold, len(texts), self.N_FOLDS)
            others = [text for place, text in enumerate(texts) if place not in rows]
            parts = self._by(self._learned(others), [texts[row] for row in rows], settings)
            for whole, part in zip(found, parts, strict=True):
                whole[fold :: self.N_FOLDS] = part
        return found

    def words(self, text: str) -> tuple[Word, ...]:
        """What may be taken out, and what the language model reads."""
        return split_words(text)

    def falls(self, language: WordLanguageModel, words: Sequence[str]) -> NDArray[np.float64]:
        """`[words]` how far perplexity falls without each."""
        return language.perplexity(words) - language.perplexities_without(words)

    def _learned(self, texts: Sequence[str]) -> WordLanguageModel:
        return WordLanguageModel(_keys(self.words(text)) for text in chain(texts, self._more))

    def _by(self, language: WordLanguageModel, texts: Sequence[str], settings: Sequence[float]) -> list[list[Cleaned]]:
        words = [self.words(text) for text in texts]
        falls = [self.falls(language, _keys(each)) for each in words]
        return [
            [_without(*row, threshold=setting) for row in zip(texts, words, falls, strict=True)] for setting in settings
        ]


def _keys(words: Sequence[Word]) -> list[str]:
    return [word.key for word in words]


def _without(text: str, words: Sequence[Word], falls: NDArray[np.float64], *, threshold: float) -> Cleaned:
    """The text without the words whose fall reaches the threshold; all other characters stay."""
    out = [(word, float(fall)) for word, fall in zip(words, falls, strict=True) if fall >= threshold]
    return Cleaned(
        text=replace_spans(text, [Replacement(word.start, word.end, "") for word, _ in out]),
        suspects=tuple(
            Suspect(word=word.text, start=word.start, end=word.end, attribution=fall, replacement="")
            for word, fall in out
        ),
    )
