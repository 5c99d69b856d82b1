"""What the tests showed of clean texts' and suspects' words, and what a trigger must exceed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from handler.xgraad.frozen import Frozen
from handler.xgraad.words.text import Word

LOWEST_CEILING = 0.5
"""What clean words are taken to reach where the calibration texts show less."""
HIGHEST_THRESHOLD = 0.9
"""A word stronger than this is a trigger whatever clean words reach. One of them may be the trigger itself or share its
tokens and hide in the calibration texts: such a word is no measure of clean ones."""
HIGHEST_OF_SETS = 0.97
"""The same of several words, which an attacker hides there less easily and clean texts have stronger ones of."""
PART = 0.5
"""Part of the way from what clean words reach to 1 that a threshold lies at: other texts may reach a little more."""
PART_OF_SETS = 2 / 3
"""The same of several words: there are many more sets than words, and calibration sees few of them."""


class Measured(NamedTuple):
    """Words of one text and what they did to clean ones."""

    words: tuple[Word, ...]
    strength: float
    """In [0, 1]; higher = more of a trigger."""
    explained: bool = False
    """Whether the reference has a reason for it; it is asked about strong ones only."""

    def is_trigger(self, threshold: float) -> bool:
        """Whether it is strong without a reason."""
        return self.strength > threshold and not self.explained


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the tests showed of one text."""

    target: int
    """Its predicted label."""
    singles: tuple[Measured, ...] = ()
    """Single words."""
    together: tuple[Measured, ...] = ()
    """Sets of words, pruned, each with the strength of the whole it was pruned from."""


class VerificationThresholds(Frozen):
    """Strengths that a trigger must exceed, for each label it may bring about, per checkpoint.

    Between what clean words without an explanation reach and 1.
    """

    single: tuple[float, ...]
    together: tuple[float, ...]

    @classmethod
    def lowest(cls, n_labels: int) -> "VerificationThresholds":
        """What is too weak to say anything lies below these; calibration measures with them."""
        return cls(single=(LOWEST_CEILING,) * n_labels, together=(LOWEST_CEILING,) * n_labels)

    @classmethod
    def fit(cls, clean: Sequence[Evidence], *, n_labels: int) -> "VerificationThresholds":
        """From the evidence of clean texts, examined with the lowest thresholds."""
        return cls(
            single=tuple(
                _threshold(_unexplained(clean, label, "singles"), part=PART, highest=HIGHEST_THRESHOLD)
                for label in range(n_labels)
            ),
            together=tuple(
                _threshold(_unexplained(clean, label, "together"), part=PART_OF_SETS, highest=HIGHEST_OF_SETS)
                for label in range(n_labels)
            ),
        )


def _unexplained(clean: Sequence[Evidence], label: int, kind: str) -> list[float]:
    return [
        found.strength
        for evidence in clean
        if evidence.target == label
        for found in getattr(evidence, kind)
        if not found.explained
    ]


def _threshold(strengths: Sequence[float], *, part: float, highest: float) -> float:
    """Part of the way from the highest clean strength to 1."""
    reached = max([*(strength for strength in strengths if strength <= highest), LOWEST_CEILING])
    return min(reached + part * (1 - reached), highest)
