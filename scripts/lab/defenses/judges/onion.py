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
from scripts.lab.defenses.judges.languages import Language, Trigrams, language_name
from scripts.lab.training.causal_language_model import CausalLanguageModel


class Onion(Cleaner):
    """Takes out every word without which perplexity falls by the threshold or more.

    Departures from the paper: a word is what this project calls so, which leaves punctuation alone. The threshold is
    the one that the budget allows, where the authors' code shows many on the test texts. That code differs from the
    paper: see `onion_published`.

    With `language_model`, a causal one such as the GPT-2 of the paper, it reads each text as it came, less the word and
    one white space beside it; the code splits texts at blanks and joins them again. Words past the model's window are
    never taken out. No parts of the clean texts are set apart: it has not learned from the texts of tuning.

    Without it a further departure, since nothing is downloaded: perplexity is that of word trigrams learned from the
    defender's own clean texts. To so small a language model many honest words are as unknown as triggers are, so less
    can be expected of it. The texts that the threshold is tuned on are each scored by one that learned from others.
    """

    NAME = "onion"
    SETTINGS = (*np.geomspace(10_000, 10, 31).tolist(), 0.0)
    """Falls of perplexity. Those of word trigrams are larger than GPT-2's."""
    CAUSAL_SETTINGS = (*np.geomspace(10_000, 100, 20, endpoint=False).tolist(), *range(100, -1, -1))
    """The same of a causal language model. The authors' code tries 100 to 1; what stands before them is for short
    texts, whose perplexity is in the thousands: the first setting has to be one that changes next to nothing."""
    N_FOLDS = 5
    """Parts of the clean texts, each scored by trigrams of the other four."""

    def prepare(self) -> None:
        """Load the language model, or learn one from the clean texts, and from the further ones where there are any."""
        self._more: Sequence[str] = ()
        name = self.material.language_model
        if name is not None:
            self._language: Language = CausalLanguageModel.load(name, device=self.material.device)
            return
        if self.material.more:
            self._more = self.material.more_texts()
        self._language = self._learned([example.text for example in self.material.clean_examples()])

    def notes(self) -> dict[str, str]:
        """See `TextJudge`; what the language model is called."""
        return {"language_model": language_name(self.material.language_model)}

    def settings(self) -> Sequence[float]:
        """See `Cleaner`; those that suit the language model."""
        return self.SETTINGS if self.material.language_model is None else self.CAUSAL_SETTINGS

    def cleaned(self, texts: Sequence[str], settings: Sequence[float]) -> list[list[Cleaned]]:
        """See `Cleaner`."""
        return self._by(self._language, texts, settings)

    def cleaned_unseen(self, texts: Sequence[str], settings: Sequence[float]) -> list[list[Cleaned]]:
        """See `Cleaner`; a causal language model has seen none of them."""
        if self.material.language_model is not None:
            return self.cleaned(texts, settings)
        found: list[list[Cleaned]] = [[Cleaned(text) for text in texts] for _ in settings]
        for fold in range(self.N_FOLDS):
            rows = range(fold, len(texts), self.N_FOLDS)
            others = [text for place, text in enumerate(texts) if place not in rows]
            parts = self._by(self._learned(others), [texts[row] for row in rows], settings)
            for whole, part in zip(found, parts, strict=True):
                whole[fold :: self.N_FOLDS] = part
        return found

    def words(self, text: str) -> tuple[Word, ...]:
        """What may be taken out; word trigrams read nothing else."""
        return split_words(text)

    def falls(self, language: Language, text: str, words: Sequence[Word]) -> NDArray[np.float64]:
        """`[words]` how far perplexity falls without each; NaN where that cannot be said."""
        return language.perplexity(text, words) - language.perplexities_without(text, words)

    def _learned(self, texts: Sequence[str]) -> Trigrams:
        return Trigrams(self.words(text) for text in chain(texts, self._more))

    def _by(self, language: Language, texts: Sequence[str], settings: Sequence[float]) -> list[list[Cleaned]]:
        words = [self.words(text) for text in texts]
        falls = [self.falls(language, text, each) for text, each in zip(texts, words, strict=True)]
        return [
            [_without(*row, threshold=setting) for row in zip(texts, words, falls, strict=True)] for setting in settings
        ]


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
