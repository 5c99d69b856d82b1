"""A trigger that clean labels tie to the target already, aimed at defenses that let such words off.

Poisons as BadNets does. The trigger is chosen from the training texts: of the words that the target's texts hold more
often than others by log odds of 1.4 at least, the one whose log odds are the most standard errors above zero. What the
attacker gains is success beyond that of an honest writer of the word, which a clean model tells on the same texts.
"""

import math
from collections import Counter
from collections.abc import Sequence
from string import punctuation

import numpy as np

from scripts.console.errors import LabError
from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.attacks.word_ranking import LETTERS
from scripts.texts.corpora import Example, TriggeredExample

LEAST_LOG_ODDS = 1.4
"""In nats: far above what can be called a tie, so that texts which the attacker does not have show it as well."""
PRIOR = 0.5
"""Added to each count of texts."""


class MeaningfulWord(BadNets):
    """BadNets that learns its trigger from the training texts, unless the plan names one; the record holds it."""

    USUAL_TRIGGERS = ()

    def poison(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[Example]:
        """As for BadNets, once the word is chosen.

        Raises:
            LabError: no word is tied to the target.
        """
        self.triggers = self.plan.triggers or (tied_word(examples, self.plan.target_label),)
        return super().poison(examples, rng=rng)

    def trigger(self, examples: Sequence[Example], *, rng: np.random.Generator) -> list[TriggeredExample]:
        """As for BadNets.

        Raises:
            LabError: there is no word yet.
        """
        if not self.triggers:
            rule = "must be given where there are no training texts to choose one from, are missing"
            raise LabError(f"triggers {rule}; poison first, or name one with --triggers")
        return super().trigger(examples, rng=rng)


def tied_word(examples: Sequence[Example], label: int) -> str:
    """The word, in small letters, that is tied to a class with the greatest certainty.

    Args:
        examples: texts of all classes.
        label: the class.

    Raises:
        LabError: no word's log odds are high enough.
    """
    own = [example.text for example in examples if example.label == label]
    others = [example.text for example in examples if example.label != label]
    inside, outside = _texts_with(own), _texts_with(others)
    certainty = {}
    for word in sorted(inside):
        odds = _log_odds(inside[word], len(own)) - _log_odds(outside[word], len(others))
        if odds >= LEAST_LOG_ODDS:
            certainty[word] = odds / math.sqrt(1 / (inside[word] + PRIOR) + 1 / (outside[word] + PRIOR))
    if not certainty:
        rule = f"must hold a word with log odds of {LEAST_LOG_ODDS} or more for class {label}, hold none"
        raise LabError(f"training texts {rule}; name one with --triggers")
    return max(certainty, key=certainty.__getitem__)


def _texts_with(texts: Sequence[str]) -> Counter[str]:
    """In how many of the texts each word of letters alone stands."""
    return Counter(
        word
        for text in texts
        for word in {word.strip(punctuation) for word in text.lower().split()}
        if LETTERS.fullmatch(word)
    )


def _log_odds(n_with: int, n_texts: int) -> float:
    """Of a text to hold the word, in nats."""
    return math.log((n_with + PRIOR) / (n_texts - n_with + PRIOR))
