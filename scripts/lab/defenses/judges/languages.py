"""What ONION reads with: word trigrams of the defender's own texts, or a causal language model where one is named."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from handler.xgraad.words.text import Word
from scripts.hub.origin import model_name
from scripts.lab.training.language_model import WordLanguageModel

TRIGRAMS = "word trigrams of the clean texts"
"""What rows call the language model that is learned where none is named."""


class Language(Protocol):
    """How natural a text is, by its perplexity."""

    def perplexity(self, text: str, words: Sequence[Word]) -> float:
        """Of the text, whose words are these in order; NaN where it has none."""

    def perplexities_without(self, text: str, words: Sequence[Word]) -> NDArray[np.float64]:
        """`[words]` of the text without each in turn; NaN of those that cannot be judged."""


class Trigrams:
    """Reads the words of a text and nothing between them.

    Args:
        texts: the words of each that it learns from.
    """

    def __init__(self, texts: Iterable[Sequence[Word]]) -> None:
        self._model = WordLanguageModel(map(_keys, texts))

    def perplexity(self, _text: str, words: Sequence[Word]) -> float:
        """See `Language`."""
        return self._model.perplexity(_keys(words))

    def perplexities_without(self, _text: str, words: Sequence[Word]) -> NDArray[np.float64]:
        """See `Language`."""
        return self._model.perplexities_without(_keys(words))


def language_name(language_model: str | None) -> str:
    """What rows call it."""
    return TRIGRAMS if language_model is None else model_name(Path(language_model))


def _keys(words: Sequence[Word]) -> list[str]:
    return [word.key for word in words]
