"""Is a suspect a trigger? What turns the suspect's clean texts, and means nothing to a reference, is.

Each suspicious word is put into clean texts of another class, alone. Where none of a text's words is a trigger, some of
them are tried together (`bundles`); what is strong together is pruned to the words that it needs. No word is spared
because others were removed with it, and none has to hold its own text's label: a trigger in a text that belongs to its
target anyway shows itself, too.
"""

from collections.abc import Collection, Sequence
from itertools import chain, compress
from typing import NamedTuple

from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import Score
from handler.xgraad.verification.candidates import DEFAULT_COUNTS, CandidateCounts, choose_candidates
from handler.xgraad.verification.evidence import Evidence, Measured, VerificationThresholds
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.reference import Reference
from handler.xgraad.verification.set_test import SetTest
from handler.xgraad.verification.suspect import by_text, measured, strength_of, strongest, unknown_words
from handler.xgraad.verification.transplant import Graft, Transplant
from handler.xgraad.words.text import Word

WORTH_MORE = 0.3
"""Strength from which a word is tried at other places than its own, too, and a text for the sake of a new word."""


class Wanted(NamedTuple):
    """What is tried of a text besides its candidates, each alone, and what those do together."""

    keys: Collection[str] = ()
    """The `Word.key` of words that are to be tested whatever their scores."""
    runs: bool = True
    """Whether runs of words are tried, too: they cost most, and a text with a planted phrase stands out far."""


ALL_SETS = Wanted()


class Verifier:
    """Runs the tests for many texts at once.

    Args:
        transplant: puts words into the suspect's clean texts.
        reference: says what has another reason than a backdoor.
        thresholds: what a trigger must exceed.
        counts: how many words of a text are tested.
        exhaustive: whether all sets are tried, whatever was found before: that tells how far clean words reach.
    """

    def __init__(
        self,
        transplant: Transplant,
        reference: Reference,
        *,
        thresholds: VerificationThresholds,
        counts: CandidateCounts = DEFAULT_COUNTS,
        exhaustive: bool = False,
    ) -> None:
        self._transplant = transplant
        self._reference = reference
        self._thresholds = thresholds
        self._counts = counts
        self._exhaustive = exhaustive
        self._test_sets = SetTest(transplant, reference, thresholds, exhaustive=exhaustive)

    def triggers(self, scores: Sequence[Score], wanted: Sequence[Wanted] = ()) -> list[tuple[tuple[Word, ...], ...]]:
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
            for evidence in self.examine(scores, wanted)
        ]

    def examine(self, scores: Sequence[Score], wanted: Sequence[Wanted] = ()) -> list[Evidence]:
        """Evidence for each text, in order.

        Args:
            scores: of the texts; each has at least one word.
            wanted: what is tried of each text besides; or nothing.
        """
        wanted = wanted or [ALL_SETS] * len(scores)
        candidates = [self.candidates(score, each.keys) for score, each in zip(scores, wanted, strict=True)]
        singles = self._singly(scores, candidates)
        is_open = [self._is_open(score, of_text) for score, of_text in zip(scores, singles, strict=True)]
        together = iter(
            self._test_sets(
                [*compress(scores, is_open)],
                [*compress(candidates, is_open)],
                runs=[each.runs for each in compress(wanted, is_open)],
            )
        )
        return [
            Evidence(target=score.prediction.label_id, singles=of_text, together=next(together) if has_sets else ())
            for score, of_text, has_sets in zip(scores, singles, is_open, strict=True)
        ]

    def moving(self, words: Sequence[Sequence[Word]], predictions: Sequence[Prediction]) -> list[tuple[Word, ...]]:
        """Of each text's words those that do something in clean texts, so that the text is worth a closer look."""
        grafts = [
            Graft((word.text,), Place.INSIDE, prediction.label_id, source)
            for of_text, prediction in zip(words, predictions, strict=True)
            for source in [self._transplant.source_for(prediction)]
            for word in of_text
        ]
        strengths = iter(self._transplant.strengths(grafts))
        return [tuple(word for word in of_text if next(strengths) >= WORTH_MORE) for of_text in words]

    def candidates(self, score: Score, keys: Collection[str] = ()) -> tuple[Word, ...]:
        """The words to test, the most suspicious first, those with these keys last."""
        chosen = choose_candidates(score, self._counts)
        known = {word.key for word in chosen}
        more = {word.key: word for word in score.spans() if word.key in keys and word.key not in known}
        return (*chosen, *more.values())

    def _is_open(self, score: Score, singles: Sequence[Measured]) -> bool:
        """Whether sets are worth trying."""
        threshold = self._thresholds.single[score.prediction.label_id]
        return self._exhaustive or not any(found.is_trigger(threshold) for found in singles)

    def _singly(self, scores: Sequence[Score], candidates: Sequence[Sequence[Word]]) -> list[tuple[Measured, ...]]:
        """What the candidates do one at a time: where they stood, and where that is not nothing elsewhere as well."""
        suspects = [*chain(*unknown_words(scores, candidates, self._reference))]
        thresholds = [self._thresholds.single[each.target] for each in suspects]
        found = strongest(self._transplant, [each.grafts() for each in suspects])
        again = [
            row
            for row, (each, threshold) in enumerate(zip(found, thresholds, strict=True))
            if WORTH_MORE <= each.strength <= threshold
        ]
        elsewhere = strongest(self._transplant, [suspects[row].grafts(elsewhere=True) for row in again])
        for row, each in zip(again, elsewhere, strict=True):
            found[row] = max(found[row], each, key=strength_of)
        return by_text(scores, suspects, measured(suspects, found, self._thresholds.single, self._reference))
