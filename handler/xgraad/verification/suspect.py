"""Words of a text that may be a trigger, put into clean texts and measured."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from handler.xgraad.scoring.scorer import Score
from handler.xgraad.verification.bundles import in_pieces
from handler.xgraad.verification.evidence import Measured
from handler.xgraad.verification.probes import Place, place_of
from handler.xgraad.verification.reference import Reference
from handler.xgraad.verification.transplant import Graft, Transplant
from handler.xgraad.words.text import Word

N_SOURCES = 3
"""Labels next to the predicted one whose clean texts a suspect is put into: some triggers work on one class only."""


class Grafted(NamedTuple):
    """A graft and its strength."""

    strength: float
    graft: Graft


@dataclass(frozen=True)
class SuspectWords:
    """Words of a text, to be put into clean ones."""

    score: Score
    words: tuple[Word, ...]

    @property
    def target(self) -> int:
        """The label that they seem to bring about."""
        return self.score.prediction.label_id

    def only(self, words: Iterable[Word]) -> "SuspectWords":
        """Some of the words."""
        return SuspectWords(self.score, tuple(words))

    def grafts(self, *, elsewhere: bool = False) -> list[Graft]:
        """One for each source: where the words stood, or at the other places."""
        encoding = self.score.encoding
        pieces = in_pieces(encoding.text, self.score.spans(), self.words)
        stood = place_of(self.words, encoding.words)
        places = [place for place in Place if (place is not stood) == elsewhere]
        return [
            Graft(pieces=pieces, place=place, target=self.target, source=source)
            for place in (places if len(pieces) == 1 else [Place.INSIDE])
            for source in self.score.prediction.next_labels()[:N_SOURCES]
        ]


def unknown_words(
    scores: Sequence[Score], candidates: Sequence[Sequence[Word]], reference: Reference
) -> list[list[SuspectWords]]:
    """Each candidate of each text by itself, but for those that are known to belong to the text's label."""
    return [
        [SuspectWords(score, (word,)) for word in words if not reference.knows(word.key, score.prediction.label_id)]
        for score, words in zip(scores, candidates, strict=True)
    ]


def strongest(transplant: Transplant, grafts: Sequence[Sequence[Graft]], *, above: float = 0.0) -> list[Grafted]:
    """Of each suspect's grafts the strongest; every suspect has one at least. `above`: see `Transplant.strengths`."""
    flat = [graft for of_one in grafts for graft in of_one]
    known = dict(zip(flat, transplant.strengths(flat, above=above), strict=True))
    return [max((Grafted(known[graft], graft) for graft in of_one), key=strength_of) for of_one in grafts]


def strength_of(grafted: Grafted) -> float:
    """For comparisons."""
    return grafted.strength


def measured(
    suspects: Sequence[SuspectWords], found: Sequence[Grafted], thresholds: Sequence[float], reference: Reference
) -> list[Measured]:
    """The suspects as measured; the reference is asked about the strong ones.

    Args:
        suspects: what was put into clean texts.
        found: of each its strongest graft.
        thresholds: what is strong, for each target label.
        reference: says what has another reason.
    """
    strong = [row for row, each in enumerate(found) if each.strength > thresholds[each.graft.target]]
    answers = reference.explains([found[row].graft for row in strong])
    explained = {row for row, is_explained in zip(strong, answers, strict=True) if is_explained}
    return [
        Measured(suspect.words, each.strength, row in explained)
        for row, (suspect, each) in enumerate(zip(suspects, found, strict=True))
    ]


def by_text(
    scores: Sequence[Score], suspects: Sequence[SuspectWords], found: Sequence[Measured]
) -> list[tuple[Measured, ...]]:
    """What was measured of the suspects of each text."""
    of_text: dict[int, list[Measured]] = {id(score): [] for score in scores}
    for suspect, each in zip(suspects, found, strict=True):
        of_text[id(suspect.score)].append(each)
    return [tuple(of_text[id(score)]) for score in scores]
