"""Is a suspect a trigger? First the flip test in its own text, then the transplant test in clean ones.

Four findings, from the common to the rare: a word whose removal alone flips the prediction; a set of such words that
bring the label about only together (AND-trigger, phrase); words of which none flips alone because the others remain
(several triggers at once); and, where not even the removal of all candidates flips, the words on top (more triggers
than candidates).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict

from handler.xgraad.candidates import DEFAULT_COUNTS, CandidateCounts
from handler.xgraad.classifier import Classifier
from handler.xgraad.flip_test import Flips, FlipTest
from handler.xgraad.neutralizer import Neutralizer
from handler.xgraad.probes import Place, place_of
from handler.xgraad.scorer import Score
from handler.xgraad.text import Word
from handler.xgraad.transplant import Graft, Transplant

LOWEST_CEILING = 0.5
"""What clean words are taken to reach where the calibration texts show less."""
HIGHEST_SINGLE_THRESHOLD = 0.9
"""A word stronger than this is a trigger whatever clean words reach. One of them may be the trigger itself or share its
tokens and hide in the calibration texts: such a word is no measure of clean ones."""

_FROZEN = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the tests showed of one text. Strengths are in [0, 1]; higher = more of a trigger."""

    singles: tuple[tuple[Word, float], ...] = ()
    """Words whose removal alone flips the prediction, and which other clean texts have."""
    new_singles: tuple[tuple[Word, float], ...] = ()
    """The same, of words that other clean texts do not have."""
    together: tuple[tuple[Word, ...], float] | None = None
    """Two or more of those as a set, where none was verified alone."""
    jointly: tuple[tuple[Word, float], ...] = ()
    """Candidates whose removal flips only all at once."""
    standing: tuple[tuple[Word, float], ...] = ()
    """The top words where the removal of all candidates does not flip."""


class VerificationThresholds(BaseModel):
    """Strengths that a trigger must exceed: half way from what clean words reach to 1. Per checkpoint.

    A word that clean texts have not shown has a threshold of its own. What such words reach is seen in words of the
    calibration that stand in one text only, being as new to the others: the strongest words of a class are mostly
    common ones.
    """

    model_config = _FROZEN

    single: float
    new_single: float
    """At most `single`."""
    together: float
    jointly: float
    standing: float

    @classmethod
    def fit(cls, clean: Sequence[Evidence]) -> "VerificationThresholds":
        """From the evidence of clean texts, examined without thresholds."""
        new = [strength for evidence in clean for _, strength in evidence.new_singles]
        singles = [*new, *(strength for evidence in clean for _, strength in evidence.singles)]
        sets = [evidence.together[1] for evidence in clean if evidence.together]
        joint = [strength for evidence in clean for _, strength in evidence.jointly]
        standing = [strength for evidence in clean for _, strength in evidence.standing]
        return cls(
            single=_of_one_word(singles),
            new_single=_of_one_word(new),
            together=_half_way(sets),
            jointly=_half_way(joint),
            standing=_half_way(standing),
        )

    def verified(self, evidence: Evidence) -> tuple[tuple[Word, ...], ...]:
        """The triggers that passed, by the strongest finding there is; each is the words that it needs."""
        known = [word for word, strength in evidence.singles if strength > self.single]
        new = [word for word, strength in evidence.new_singles if strength > self.new_single]
        if known or new:
            return tuple((word,) for word in (*known, *new))
        if evidence.together and evidence.together[1] > self.together:
            return (evidence.together[0],)
        jointly = tuple((word,) for word, strength in evidence.jointly if strength > self.jointly)
        return jointly or tuple((word,) for word, strength in evidence.standing if strength > self.standing)


class Verifier:
    """Runs the tests for many texts at once.

    Args:
        classifier: the model.
        neutralize: what removes a word from its text.
        transplant: puts words into clean texts.
        is_new: whether a `Word.key` is one that (other) clean texts do not have. Such a word is tested at every place:
            elsewhere it may be stronger than where it stood.
        counts: how many words of a text are tested.
        thresholds: where given, sets are tested only where no word is verified alone. Without any, as in calibration,
            every word is tested at every place.
    """

    def __init__(
        self,
        classifier: Classifier,
        neutralize: Neutralizer,
        transplant: Transplant,
        *,
        is_new: Callable[[str], bool],
        counts: CandidateCounts = DEFAULT_COUNTS,
        thresholds: VerificationThresholds | None = None,
    ) -> None:
        self._flip_test = FlipTest(classifier, neutralize, counts)
        self._transplant = transplant
        self._is_new = is_new
        self._thresholds = thresholds

    def triggers(self, scores: Sequence[Score]) -> list[tuple[tuple[Word, ...], ...]]:
        """The verified triggers of each text, in order; none where there are no thresholds."""
        if self._thresholds is None:
            return [()] * len(scores)
        return [self._thresholds.verified(evidence) for evidence in self.examine(scores)]

    def examine(self, scores: Sequence[Score]) -> list[Evidence]:
        """Evidence for each text, in order; each has at least one word."""
        flips = self._flip_test(scores)
        found = self._singly(flips)
        is_open = [self._thresholds is None or not self._thresholds.verified(evidence) for evidence in found]
        return [
            replace(evidence, together=together)
            for evidence, together in zip(found, self._sets(flips, is_open), strict=True)
        ]

    def _singly(self, flips: Sequence[Flips]) -> list[Evidence]:
        """What words do one at a time, the strength of each the greatest over its places; all of them in one go."""
        suspects = [
            (
                [(word, self._grafts(each, word, source)) for word, source in each.flipping],
                [(word, [_graft(each, word, each.together)]) for word in each.joint],
                [(word, [_graft(each, word, each.runner_up)]) for word in each.standing],
            )
            for each in flips
        ]
        grafts = [graft for kinds in suspects for kind in kinds for _, of_word in kind for graft in of_word]
        strengths = dict(zip(grafts, self._transplant.strengths(grafts), strict=True))

        def measured(kind: Sequence[tuple[Word, list[Graft]]]) -> tuple[tuple[Word, float], ...]:
            return tuple((word, max(strengths[graft] for graft in of_word)) for word, of_word in kind)

        return [
            Evidence(
                singles=measured([each for each in flipping if not self._is_new(each[0].key)]),
                new_singles=measured([each for each in flipping if self._is_new(each[0].key)]),
                jointly=measured(joint),
                standing=measured(standing),
            )
            for flipping, joint, standing in suspects
        ]

    def _grafts(self, flips: Flips, word: Word, source: int) -> list[Graft]:
        """The word alone, wherever it is to be tested."""
        if self._thresholds is None or self._is_new(word.key):
            return [_graft(flips, word, source, place) for place in Place]
        return [_graft(flips, word, source)]

    def _sets(self, flips: Sequence[Flips], wanted: Sequence[bool]) -> list[tuple[tuple[Word, ...], float] | None]:
        """For each wanted text with several flipping words these as a set, with its strength."""
        tested = [
            each if is_wanted and len(each.flipping) > 1 else None
            for each, is_wanted in zip(flips, wanted, strict=True)
        ]
        strengths = iter(self._transplant.strengths([_graft_set(each) for each in tested if each]))
        return [(tuple(word for word, _ in each.flipping), next(strengths)) if each else None for each in tested]


def _graft(flips: Flips, word: Word, source: int, place: Place | None = None) -> Graft:
    """One word, to be put where it stood unless `place` says otherwise."""
    place = place or place_of(word, flips.score.encoding.words)
    return Graft(pieces=(word.text,), place=place, target=flips.label, source=source)


def _graft_set(flips: Flips) -> Graft:
    """All flipping words at once; words that stood side by side stay so."""
    words, labels = zip(*flips.flipping, strict=True)
    source = max(set(labels), key=labels.count)
    pieces = side_by_side(flips.score.encoding.text, words)
    return Graft(pieces=pieces, place=Place.INSIDE, target=flips.label, source=source)


def side_by_side(text: str, words: Sequence[Word]) -> tuple[str, ...]:
    """The words in text order, those with nothing but white space between them joined."""
    pieces: list[str] = []
    end = None
    for word in sorted(words, key=lambda word: word.start):
        if end is not None and not text[end : word.start].strip():
            pieces[-1] += f" {word.text}"
        else:
            pieces.append(word.text)
        end = word.end
    return tuple(pieces)


def _of_one_word(strengths: Sequence[float]) -> float:
    """The threshold of single words; those above the highest there is are no measure of clean ones."""
    measures = [strength for strength in strengths if strength <= HIGHEST_SINGLE_THRESHOLD]
    return min(_half_way(measures), HIGHEST_SINGLE_THRESHOLD)


def _half_way(strengths: Sequence[float]) -> float:
    """Half way from the highest clean strength to 1: words that calibration has not seen may reach a little more."""
    return (max([*strengths, LOWEST_CEILING]) + 1) / 2
