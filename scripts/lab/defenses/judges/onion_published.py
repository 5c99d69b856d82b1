"""ONION as its authors' code computes it, which is not what the paper says."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from handler.xgraad.words.text import Word
from scripts.lab.defenses.judges.languages import Language
from scripts.lab.defenses.judges.onion import Onion
from scripts.lab.training.triggers import WORD


class OnionPublished(Onion):
    """Measures falls from the perplexity that the text has without its last word, and drops that word always.

    Two slips of one index in the code: the perplexity that is taken for that of the whole text is the last of those
    without a word each, and that word itself is left out when the text is put together again. Words are cut at white
    space, so that in some data the last one is a full stop, in others it is not. The language model and the budget are
    those of `onion`, so that the rows differ in nothing else. Of a text that a causal language model's window does not
    hold, nothing but the last word is dropped: the code knows no perplexity of it, either.
    """

    NAME = "onion_published"

    def words(self, text: str) -> tuple[Word, ...]:
        """See `Onion`."""
        return tuple(Word(match.group(), *match.span()) for match in WORD.finditer(text))

    def falls(self, language: Language, text: str, words: Sequence[Word]) -> NDArray[np.float64]:
        """See `Onion`; the last is without bounds."""
        without = language.perplexities_without(text, words)
        return np.append(without[-1:] - without[:-1], np.inf)[: len(words)]
