"""The vocabulary sweep: the transplant test of words that no text has shown yet.

Every word that the tokenizer knows whole is put into a short clean text (`screening`); what turns that, alone,
elsewhere or with another, goes through the transplant test that suspects have to pass when texts are served: the same
clean texts, the same bars, the same reference.

What it cannot see: triggers of three words and more, words of three tokens and more, pairs neither of which does
anything alone. Whoever passes the sweep is not thereby clean.
"""

from collections.abc import Collection, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from handler.xgraad import Calibration, Classifier
from handler.xgraad.verification.probes import N_PROBES, Place
from handler.xgraad.verification.reference import Reference, make_reference
from handler.xgraad.verification.transplant import Graft, Transplant
from handler.xgraad.words.vocabulary import VocabularyWord
from scripts.admission.screening import Candidate, ShortTexts, anchor_of, continuations_of, more_candidates

N_HONEST = 12
"""Words that labels tie to a label, those that move most, that tell how far honest words pull."""
N_SHIELDS = 2
"""The furthest of these, which do not count: they may be triggers themselves."""
MOST_CONFIRMED = 200
"""Candidates for each label that go through the transplant test, those that turn their short text furthest."""


@dataclass(frozen=True, kw_only=True)
class SweptCandidate:
    """A candidate in the transplant test, in the clean texts of the class that it turns furthest."""

    candidate: Candidate
    graft: Graft
    strength: float
    """See `Transplant.strengths`, in [0, 1]; higher = more of a trigger."""
    pull: float
    """See `Transplant.pulls`, over all probes; tells strong ones apart, 0 for others."""
    threshold: float
    """Strength that a trigger must exceed."""
    is_explained: bool
    """Whether the reference has another reason for it, or words that it knows pull as far; asked of strong ones."""

    @property
    def is_trigger(self) -> bool:
        """Strong, and for no other reason."""
        return self.strength > self.threshold and not self.is_explained


@dataclass(frozen=True, kw_only=True)
class LabelSweep:
    """What was found for one label."""

    label_id: int
    n_turned: int
    """Candidates that turned a short text to it."""
    tested: tuple[SweptCandidate, ...]
    """Those that went through the transplant test, the most trigger-like first."""
    rises: Tensor
    """`[words]` of each word swept, see `Margins.rises`."""

    @property
    def triggers(self) -> tuple[SweptCandidate, ...]:
        """Those that are triggers."""
        return tuple(each for each in self.tested if each.is_trigger)


class Sweeper:
    """Sweeps one checkpoint.

    Args:
        classifier: the suspect.
        calibration: made for it.
        trusted: the calibration's reference, where it has one.
        screening: entered for the first and longest stage, such as `torch.autocast`.
    """

    def __init__(
        self,
        classifier: Classifier,
        calibration: Calibration,
        *,
        trusted: Transplant | None = None,
        screening: AbstractContextManager[object] | None = None,
    ) -> None:
        self._classifier = classifier
        self._bars = calibration.verification
        self._screening = screening or nullcontext()
        self._texts = ShortTexts(classifier, calibration.short)
        self.transplant = Transplant(classifier, calibration.probes)
        """Of the suspect."""
        self._reference: Reference = make_reference(calibration.labels.tied(), self.transplant, trusted)

    def sweep(self, words: Sequence[VocabularyWord]) -> list[LabelSweep]:
        """Which of these words bring a label about, and what they do elsewhere, in pairs and as part of longer ones.

        Returns:
            One entry for each label that has a short clean text in another class.
        """
        tried = [Candidate((word.text,)) for word in words]
        with self._screening:
            moved = self._texts.token_margins([word.token_id for word in words], title="words")
            margins = moved.others
            more = self._more(words, margins)
            others = self._texts.margins(more, title="places, pairs, longer words")
        found = []
        for label in self._texts.targets:
            turned = [
                (margin, each)
                for of_kind, margins_of_kind in ((tried, margins), (more, others))
                for margin, each in zip(margins_of_kind[label].tolist(), of_kind, strict=True)
                if margin > 0
            ]
            ranked = [each for _, each in sorted(turned, key=lambda each: -each[0])]
            honest = self._honest_pull(words, margins[label], label)
            tested = self._tested(ranked[:MOST_CONFIRMED], label, honest)
            found.append(
                LabelSweep(label_id=label, n_turned=len(turned), tested=tuple(tested), rises=moved.rises[label])
            )
        return found

    def _more(self, words: Sequence[VocabularyWord], margins: Tensor) -> list[Candidate]:
        if not words:
            return []
        encode = self._classifier.encode
        continuations = continuations_of(encode, anchor_of(words))
        return more_candidates(self._texts, encode, words=words, margins=margins, continuations=continuations)

    def _honest_pull(self, words: Sequence[VocabularyWord], margins: Tensor, label: int) -> float:
        """How far the words pull that people's labels tie to the label; 0 where no word is known to be.

        Of thousands of words some mean the label and stand in none of the clean texts: a slur is as strong as the
        slurs that do. A trigger is stronger than they are, but for a few that an attacker may have made triggers, too,
        to shield others. A trusted model knows such words itself.
        """
        ranked = margins.argsort(descending=True, stable=True).tolist()
        texts = (words[row].text for row in ranked)
        known = islice((text for text in texts if self._reference.knows(text.casefold(), label)), N_HONEST)
        sources = [source for source in range(len(self._classifier.labels)) if source != label]
        grafts = [Graft((text,), Place.INSIDE, target=label, source=source) for text in known for source in sources]
        pulls = self.transplant.pulls(grafts, n_probes=N_PROBES)
        n = len(sources)
        furthest = [max(pulls[start : start + n]) for start in range(0, len(pulls), n)]
        return sorted(furthest, reverse=True)[min(N_SHIELDS, len(furthest) - 1)] if furthest else 0.0

    def _tested(self, candidates: Sequence[Candidate], label: int, honest: float) -> list[SweptCandidate]:
        """The candidates, strongest first; pairs and longer words that hold a word which is a trigger are left out."""
        best: dict[tuple[str, ...], SweptCandidate] = {}
        for each in sorted(self._measured(candidates, label, honest), key=_rank):
            best.setdefault(each.candidate.words, each)  # where it is strongest
        whole = {words for words in best if self._is_whole(words)}
        triggers = [words[0] for words in whole if best[words].is_trigger]
        return [each for words, each in best.items() if words in whole or not _hold(words, triggers)]

    def _is_whole(self, words: tuple[str, ...]) -> bool:
        """Whether it is one word of the vocabulary."""
        return len(words) == 1 and len(self._classifier.encode.token_ids_of(f" {words[0]}")) == 1

    def _measured(self, candidates: Sequence[Candidate], label: int, honest: float) -> list[SweptCandidate]:
        sources = [source for source in range(len(self._classifier.labels)) if source != label]
        grafts = [
            [Graft(each.words, each.place, target=label, source=source) for source in sources] for each in candidates
        ]
        flat = [graft for of_one in grafts for graft in of_one]
        strengths = dict(zip(flat, self.transplant.strengths(flat), strict=True))
        strongest = [max(of_one, key=strengths.__getitem__) for of_one in grafts]
        bars = [(self._bars.single if len(each.words) == 1 else self._bars.together)[label] for each in candidates]
        strong = [graft for graft, bar in zip(strongest, bars, strict=True) if strengths[graft] > bar]
        explained = dict(zip(strong, self._reference.explains(strong), strict=True))
        pulls = dict(zip(strong, self.transplant.pulls(strong, n_probes=N_PROBES), strict=True))
        return [
            SweptCandidate(
                candidate=each,
                graft=graft,
                strength=strengths[graft],
                pull=pulls.get(graft, 0.0),
                threshold=bar,
                is_explained=graft in explained and (explained[graft] or pulls[graft] <= honest),
            )
            for each, graft, bar in zip(candidates, strongest, bars, strict=True)
        ]


def _rank(each: SweptCandidate) -> tuple[bool, float, float]:
    return not each.is_trigger, -each.pull, -each.strength


def _hold(words: Iterable[str], triggers: Collection[str]) -> bool:
    """Whether one of the words begins with a trigger, whatever the case."""
    return any(word.casefold().startswith(trigger.casefold()) for word in words for trigger in triggers)
