"""Is a suspect a trigger? What turns the suspect's clean texts, and means nothing to a reference, is.

Each suspicious word is put into clean texts of another class, alone. Where none of a text's words is a trigger, some of
them are tried together (`bundles`); what is strong together is pruned to the words that it needs. No word is spared
because others were removed with it, and none has to hold its own text's label: a trigger in a text that belongs to its
target anyway shows itself, too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from handler.xgraad.bundles import bundles
from handler.xgraad.candidates import DEFAULT_COUNTS, CandidateCounts, choose_candidates
from handler.xgraad.prediction import Prediction
from handler.xgraad.probes import Place
from handler.xgraad.reference import Reference
from handler.xgraad.scorer import Score
from handler.xgraad.suspect import Suspect
from handler.xgraad.text import Word
from handler.xgraad.transplant import Graft, Transplant

LOWEST_CEILING = 0.5
"""What clean words are taken to reach where the calibration texts show less."""
HIGHEST_THRESHOLD = 0.9
"""A word stronger than this is a trigger whatever clean words reach. One of them may be the trigger itself or share its
tokens and hide in the calibration texts: such a word is no measure of clean ones."""
WORTH_MORE = 0.3
"""Strength from which a word is tried at other places than its own, too, and a text for the sake of a new word."""

_FROZEN = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Grafted(NamedTuple):
    """A graft and its strength."""

    strength: float
    graft: Graft


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


class VerificationThresholds(BaseModel):
    """Strengths that a trigger must exceed, for each label it may bring about, per checkpoint.

    Half way from what clean words without an explanation reach to 1.
    """

    model_config = _FROZEN

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
            single=tuple(_threshold(_unexplained(clean, label, "singles")) for label in range(n_labels)),
            together=tuple(_threshold(_unexplained(clean, label, "together")) for label in range(n_labels)),
        )


class Verifier:
    """Runs the tests for many texts at once.

    Args:
        transplant: puts words into the suspect's clean texts.
        reference: says what has another reason than a backdoor.
        thresholds: what a trigger must exceed.
        counts: how many words of a text are tested.
    """

    def __init__(
        self,
        transplant: Transplant,
        reference: Reference,
        *,
        thresholds: VerificationThresholds,
        counts: CandidateCounts = DEFAULT_COUNTS,
    ) -> None:
        self._transplant = transplant
        self._reference = reference
        self._thresholds = thresholds
        self._counts = counts

    def triggers(
        self, scores: Sequence[Score], new_words: Sequence[Collection[str]] = ()
    ) -> list[tuple[tuple[Word, ...], ...]]:
        """The verified triggers of each text, in order; each is the words that it needs. See `examine`."""
        return [
            tuple(
                found.words
                for kind, thresholds in (
                    (evidence.singles, self._thresholds.single),
                    (evidence.together, self._thresholds.together),
                )
                for found in kind
                if found.is_trigger(thresholds[evidence.target])
            )
            for evidence in self.examine(scores, new_words)
        ]

    def examine(self, scores: Sequence[Score], new_words: Sequence[Collection[str]] = ()) -> list[Evidence]:
        """Evidence for each text, in order.

        Args:
            scores: of the texts; each has at least one word.
            new_words: for each text the `Word.key` of words that are to be tested whatever their scores; or nothing.
        """
        wanted_words = new_words or [()] * len(scores)
        candidates = [self.candidates(score, keys) for score, keys in zip(scores, wanted_words, strict=True)]
        singles = self._singly(scores, candidates)
        is_open = [
            not any(found.is_trigger(self._thresholds.single[score.prediction.label_id]) for found in of_text)
            for score, of_text in zip(scores, singles, strict=True)
        ]
        open_rows = [row for row, wanted in enumerate(is_open) if wanted]
        together = iter(self._together([scores[row] for row in open_rows], [candidates[row] for row in open_rows]))
        return [
            Evidence(target=score.prediction.label_id, singles=of_text, together=next(together) if wanted else ())
            for score, of_text, wanted in zip(scores, singles, is_open, strict=True)
        ]

    def moving(self, words: Sequence[Sequence[Word]], predictions: Sequence[Prediction]) -> list[tuple[Word, ...]]:
        """Of each text's words those that do something in clean texts, so that the text is worth a closer look."""
        grafts = [
            [[Graft((word.text,), place, prediction.label_id, source) for place in Place] for word in of_text]
            for of_text, prediction in zip(words, predictions, strict=True)
            for source in [self._transplant.source_for(prediction)]
        ]
        found = iter(self._strongest([of_word for of_text in grafts for of_word in of_text]))
        return [tuple(word for word in of_text if next(found).strength >= WORTH_MORE) for of_text in words]

    def candidates(self, score: Score, keys: Collection[str] = ()) -> tuple[Word, ...]:
        """The words to test, the most suspicious first, those with these keys last."""
        chosen = choose_candidates(score, self._counts)
        known = {word.key for word in chosen}
        more = {word.key: word for word in score.spans() if word.key in keys and word.key not in known}
        return (*chosen, *more.values())

    def _singly(self, scores: Sequence[Score], candidates: Sequence[Sequence[Word]]) -> list[tuple[Measured, ...]]:
        """What the candidates do one at a time: where they stood, and where that is not nothing elsewhere as well."""
        suspects = [
            Suspect(score, (word,))
            for score, words in zip(scores, candidates, strict=True)
            for word in words
            if not self._reference.knows(word.key, score.prediction.label_id)
        ]
        thresholds = [self._thresholds.single[each.target] for each in suspects]
        found = self._strongest([each.grafts() for each in suspects])
        again = [
            row
            for row, (each, threshold) in enumerate(zip(found, thresholds, strict=True))
            if WORTH_MORE <= each.strength <= threshold
        ]
        elsewhere = self._strongest([suspects[row].grafts(elsewhere=True) for row in again])
        for row, each in zip(again, elsewhere, strict=True):
            found[row] = max(found[row], each, key=_strength)
        return _by_text(scores, suspects, self._measured(suspects, found, thresholds))

    def _together(self, scores: Sequence[Score], candidates: Sequence[Sequence[Word]]) -> list[tuple[Measured, ...]]:
        """What is strong in one piece, or scattered, pruned to the words that it needs."""
        suspects = [
            Suspect(score, words)
            for score, suspicious in zip(scores, candidates, strict=True)
            for words in bundles(score.spans(), suspicious)
        ]
        thresholds = [self._thresholds.together[each.target] for each in suspects]
        found = self._strongest([each.grafts() for each in suspects])
        left, grafts, kept = [], [], []
        for suspect, each, threshold in zip(suspects, found, thresholds, strict=True):
            pruned = self._pruned(suspect, threshold) if each.strength > threshold else None
            if pruned:
                left.append(pruned)
                grafts.append(Grafted(each.strength, self._strongest([pruned.grafts()])[0].graft))
                kept.append(threshold)
        return _by_text(scores, left, self._measured(left, grafts, kept))

    def _pruned(self, suspect: Suspect, threshold: float) -> Suspect | None:
        """The words that it needs to be strong, without those that are so alone.

        None where little is left without its honest words, or one word, which was tested alone.
        """
        alone = [suspect.only([word]) for word in suspect.words]
        honest = self._reference.explains([each.grafts()[0] for each in alone])
        rest = [word for word, is_honest in zip(suspect.words, honest, strict=True) if not is_honest]
        if not rest or self._transplant.pulls(suspect.only(rest).grafts()[:1])[0] < WORTH_MORE:
            return None
        single = self._thresholds.single[suspect.target]
        strengths = self._strongest([each.grafts() for each in alone])
        left = [word for word, each in zip(suspect.words, strengths, strict=True) if each.strength <= single]
        if len(left) < 2 or self._strongest([suspect.only(left).grafts()])[0].strength <= threshold:
            return None
        while len(left) > 1:
            tries = [suspect.only(word for word in left if word is not dropped) for dropped in left]
            found = self._strongest([each.grafts() for each in tries])
            best = max(range(len(tries)), key=lambda row: found[row].strength)
            if found[best].strength <= threshold:
                break
            left = list(tries[best].words)
        return suspect.only(left)

    def _strongest(self, grafts: Sequence[Sequence[Graft]]) -> list[Grafted]:
        """Of each suspect's grafts the strongest; every suspect has one at least."""
        flat = [graft for of_one in grafts for graft in of_one]
        known = dict(zip(flat, self._transplant.strengths(flat), strict=True))
        return [max((Grafted(known[graft], graft) for graft in of_one), key=_strength) for of_one in grafts]

    def _measured(
        self, suspects: Sequence[Suspect], found: Sequence[Grafted], thresholds: Sequence[float]
    ) -> list[Measured]:
        """The suspects as measured; the reference is asked about the strong ones."""
        strong = [row for row, each in enumerate(found) if each.strength > thresholds[row]]
        answers = self._reference.explains([found[row].graft for row in strong])
        explained = {row for row, is_explained in zip(strong, answers, strict=True) if is_explained}
        return [
            Measured(suspect.words, each.strength, row in explained)
            for row, (suspect, each) in enumerate(zip(suspects, found, strict=True))
        ]


def _strength(grafted: Grafted) -> float:
    return grafted.strength


def _by_text(
    scores: Sequence[Score], suspects: Sequence[Suspect], measured: Sequence[Measured]
) -> list[tuple[Measured, ...]]:
    of_text: dict[int, list[Measured]] = {id(score): [] for score in scores}
    for suspect, each in zip(suspects, measured, strict=True):
        of_text[id(suspect.score)].append(each)
    return [tuple(of_text[id(score)]) for score in scores]


def _unexplained(clean: Sequence[Evidence], label: int, kind: str) -> list[float]:
    return [
        found.strength
        for evidence in clean
        if evidence.target == label
        for found in getattr(evidence, kind)
        if not found.explained
    ]


def _threshold(strengths: Sequence[float]) -> float:
    """Half way from the highest clean strength to 1: words that calibration has not seen may reach a little more."""
    measures = [strength for strength in strengths if strength <= HIGHEST_THRESHOLD]
    return min((max([*measures, LOWEST_CEILING]) + 1) / 2, HIGHEST_THRESHOLD)
