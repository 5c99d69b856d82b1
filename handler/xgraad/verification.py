"""Is a suspect a trigger? First the flip test in its own text, then the transplant test in clean ones.

Four findings, from the common to the rare: a word whose removal alone flips the prediction; a set of such words that
bring the label about only together (AND-trigger, phrase); words of which none flips alone because the others remain
(several triggers at once); and, where not even the removal of all candidates flips, the words on top (more triggers
than candidates).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from handler.xgraad.candidates import DEFAULT_COUNTS, CandidateCounts, choose_candidates
from handler.xgraad.classifier import Classifier
from handler.xgraad.edit import edit_words
from handler.xgraad.neutralizer import Neutralizer
from handler.xgraad.probes import Place, place_of
from handler.xgraad.scorer import Score
from handler.xgraad.text import Word
from handler.xgraad.transplant import Graft, Transplant

N_STANDING = 2
"""Words tested of a text whose label stands whatever is removed: most texts are of that kind, so it must be cheap."""
LOWEST_CEILING = 0.3
"""What clean words are taken to reach where the calibration texts show less."""
HIGHEST_SINGLE_THRESHOLD = 0.9
"""A word stronger than this is a trigger whatever clean words reach: one of them may be a common word that is the
trigger and hides in the calibration texts."""

_FROZEN = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the tests showed of one text. Strengths are in [0, 1]; higher = more of a trigger."""

    singles: tuple[tuple[Word, float], ...] = ()
    """Words whose removal alone flips the prediction."""
    together: tuple[tuple[Word, ...], float] | None = None
    """Two or more of those as a set, where none was verified alone."""
    jointly: tuple[tuple[Word, float], ...] = ()
    """Candidates whose removal flips only all at once."""
    standing: tuple[tuple[Word, float], ...] = ()
    """The top words where the removal of all candidates does not flip."""


class VerificationThresholds(BaseModel):
    """Strengths that a trigger must exceed: half way from what clean words reach to 1. Per checkpoint."""

    model_config = _FROZEN

    single: float
    together: float
    jointly: float
    standing: float

    @classmethod
    def fit(cls, clean: Sequence[Evidence]) -> "VerificationThresholds":
        """From the evidence of clean texts, examined without thresholds."""
        singles = [strength for evidence in clean for _, strength in evidence.singles]
        sets = [evidence.together[1] for evidence in clean if evidence.together]
        joint = [strength for evidence in clean for _, strength in evidence.jointly]
        standing = [strength for evidence in clean for _, strength in evidence.standing]
        return cls(
            single=min(_half_way(singles), HIGHEST_SINGLE_THRESHOLD),
            together=_half_way(sets),
            jointly=_half_way(joint),
            standing=_half_way(standing),
        )

    def verified(self, evidence: Evidence) -> tuple[tuple[Word, ...], ...]:
        """The triggers that passed, by the strongest finding there is; each is the words that it needs."""
        singles = tuple((word,) for word, strength in evidence.singles if strength > self.single)
        if singles:
            return singles
        if evidence.together and evidence.together[1] > self.together:
            return (evidence.together[0],)
        jointly = tuple((word,) for word, strength in evidence.jointly if strength > self.jointly)
        return jointly or tuple((word,) for word, strength in evidence.standing if strength > self.standing)


@dataclass(frozen=True)
class _Flips:
    """One text's candidates, and the labels of its edits."""

    score: Score
    candidates: tuple[Word, ...]
    alone: tuple[int, ...]
    """The label without each candidate."""
    jointly: int
    """The label without all of them."""
    runner_up: int
    """The label next to that."""

    @property
    def label(self) -> int:
        """The label of the text as it is."""
        return self.score.prediction.label_id

    @property
    def flipping(self) -> tuple[tuple[Word, int], ...]:
        """Candidates whose removal flips the prediction, with the label it falls back to."""
        pairs = zip(self.candidates, self.alone, strict=True)
        return tuple((word, label) for word, label in pairs if label != self.label)

    @property
    def standing(self) -> tuple[Word, ...]:
        """The top words, where nothing flips."""
        return self.candidates[:N_STANDING] if not self.flipping and self.jointly == self.label else ()

    def graft(self, word: Word, source: int) -> Graft:
        """One word, to be put where it stood."""
        place = place_of(word, self.score.encoding.words)
        return Graft(pieces=(word.text,), place=place, target=self.label, source=source)

    def graft_set(self) -> Graft:
        """All flipping words at once; words that stood side by side stay so."""
        words, labels = zip(*self.flipping, strict=True)
        source = max(set(labels), key=labels.count)
        pieces = side_by_side(self.score.encoding.text, words)
        return Graft(pieces=pieces, place=Place.INSIDE, target=self.label, source=source)


class Verifier:
    """Runs the tests for many texts at once."""

    def __init__(
        self,
        classifier: Classifier,
        neutralize: Neutralizer,
        transplant: Transplant,
        counts: CandidateCounts = DEFAULT_COUNTS,
    ) -> None:
        self._classifier = classifier
        self._neutralize = neutralize
        self._transplant = transplant
        self._counts = counts

    def examine(self, scores: Sequence[Score], thresholds: VerificationThresholds | None = None) -> list[Evidence]:
        """Evidence for each text, in order.

        Args:
            scores: of texts with at least one word.
            thresholds: where given, sets are tested only where no word is verified alone.
        """
        flips = self._flips(scores)
        single = self._strengths([[each.graft(*pair) for pair in each.flipping] for each in flips])
        evidence = [
            Evidence(singles=tuple((word, value) for (word, _), value in zip(each.flipping, values, strict=True)))
            for each, values in zip(flips, single, strict=True)
        ]
        is_open = [thresholds is None or not thresholds.verified(found) for found in evidence]
        sets = self._strengths(
            [
                [each.graft_set()] if go_on and len(each.flipping) > 1 else []
                for each, go_on in zip(flips, is_open, strict=True)
            ]
        )
        joint = self._strengths(
            [
                [each.graft(word, each.jointly) for word in each.candidates]
                if not each.flipping and each.jointly != each.label
                else []
                for each in flips
            ]
        )
        standing = self._strengths([[each.graft(word, each.runner_up) for word in each.standing] for each in flips])
        return [
            Evidence(
                singles=found.singles,
                together=(tuple(word for word, _ in each.flipping), set_strengths[0]) if set_strengths else None,
                jointly=tuple(zip(each.candidates, joint_strengths, strict=False)),
                standing=tuple(zip(each.standing, standing_strengths, strict=True)),
            )
            for found, each, set_strengths, joint_strengths, standing_strengths in zip(
                evidence, flips, sets, joint, standing, strict=True
            )
        ]

    def _flips(self, scores: Sequence[Score]) -> list[_Flips]:
        """For each text its candidates, and the labels without each of them and without all."""
        candidates = [choose_candidates(score, self._counts) for score in scores]
        texts = [
            edit_words(score, part, self._neutralize).text
            for score, words in zip(scores, candidates, strict=True)
            for part in (*((word,) for word in words), words)
        ]
        labels = iter(self._classifier.logits(self._classifier.encode(texts)).topk(2, dim=-1).indices.tolist())
        flips = []
        for score, words in zip(scores, candidates, strict=True):
            *alone, (jointly, runner_up) = (next(labels) for _ in range(len(words) + 1))
            first = tuple(label for label, _ in alone)
            flips.append(_Flips(score, words, alone=first, jointly=jointly, runner_up=runner_up))
        return flips

    def _strengths(self, grafts: Sequence[Sequence[Graft]]) -> list[list[float]]:
        """Strengths in the shape of the grafts, measured in one batch."""
        strengths = iter(self._transplant.strengths([graft for each in grafts for graft in each]))
        return [[next(strengths) for _ in each] for each in grafts]


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


def _half_way(strengths: Sequence[float]) -> float:
    """Half way from the highest clean strength to 1: words that calibration has not seen may reach a little more."""
    return (max([*strengths, LOWEST_CEILING]) + 1) / 2
