"""FGWS: a text is suspicious when the model is less sure of its label once rare words gave way to frequent synonyms.

Mozes et al., "Frequency-Guided Word Substitutions for Detecting Textual Adversarial Examples", EACL 2021 (arXiv
2004.05887). Each word that clean texts have less often than the threshold is replaced by the synonym that they have
most often, if that is more often than the word. The score is how far the probability of the first predicted label
falls. The method is for adversarial examples, in which rare words replace usual ones; a backdoor of synonyms is alike.

Departures: synonyms are WordNet's, of any part of speech and in the word's own form; the authors add neighbors in
counter-fitted embeddings. They choose the rarity threshold by the attacks it catches, which a defender has none of;
here it is fixed. They count words in the training texts; here it is the half of the clean texts that does not tune the
other threshold, and whatever further texts there are. They flag a tenth of clean texts; here that threshold spends the
budget.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np

from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.conformal import Floats
from handler.xgraad.words.text import Replacement, Word, replace_spans, split_words
from scripts.console.errors import LabError
from scripts.lab.defenses.judges.detector import Detector
from scripts.texts.corpora import Example
from scripts.texts.wordnet import WordNet
from scripts.texts.wordnet_files import WAY_OUT

RARE = 0.9
"""Share of the vocabulary that counts as rare: the words below this quantile of the words' counts."""

Synonyms = Callable[[str], Sequence[str]]
"""Words that mean the same, of a word in lower case."""


class Fgws(Detector):
    """Scores by what frequent synonyms of rare words do to the answer."""

    NAME = "fgws"

    def fit(self, examples: Sequence[Example]) -> None:
        """See `Detector`.

        Raises:
            LabError: there is no WordNet.
        """
        wordnet = WordNet.find()
        if wordnet is None:
            raise LabError(f"WordNet must be installed for the defense {self.NAME}, is missing; {WAY_OUT}")
        more = self.material.more_texts() if self.material.more else []
        texts = (*(each.text for each in examples), *more)
        self.frequent = FrequentWords(texts, lambda word: [*chain(*wordnet.synonyms(word).values())])

    def scores(self, texts: Sequence[str], said: Sequence[Prediction]) -> Floats:
        """See `Detector`."""
        after = self.classifier.predictions([self.frequent.substituted(text) for text in texts])
        falls = [old.score - new.probabilities[old.label] for old, new in zip(said, after, strict=True)]
        return np.maximum(np.array(falls), 0.0)


class FrequentWords:
    """Puts frequent synonyms in the place of rare words.

    Args:
        texts: clean ones, whose words are counted.
        synonyms: of a word.
    """

    def __init__(self, texts: Sequence[str], synonyms: Synonyms) -> None:
        self._counts = Counter(word.key for text in texts for word in split_words(text))
        self._synonyms = synonyms
        self._enough = float(np.quantile([*self._counts.values()], RARE)) if self._counts else 0.0

    def substituted(self, text: str) -> str:
        """The text with every rare word replaced that has a more frequent synonym; all other characters stay."""
        found = [(word, self._instead(word)) for word in split_words(text)]
        return replace_spans(text, [Replacement(word.start, word.end, new) for word, new in found if new != word.key])

    def _instead(self, word: Word) -> str:
        """The word's key itself, or the first of the most frequent synonyms where these are more frequent."""
        rarity = self._counts[word.key]
        if rarity >= self._enough:
            return word.key
        return max((word.key, *self._synonyms(word.key)), key=self._counts.__getitem__)
