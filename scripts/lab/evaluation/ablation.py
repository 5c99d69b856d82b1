"""What each part of the rule `verified` is worth: the same texts judged without it, or with more or less of it.

Everything is judged cold, each text alone; the arms that say so have a registry.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple

from handler.xgraad import Verdict
from handler.xgraad.editing.edit import edit_words
from handler.xgraad.editing.neutralizer import make_neutralizer
from handler.xgraad.memory.registry import MemoryRegistry
from handler.xgraad.options import DEFAULT_KEY, DEFAULT_NEUTRALIZER, NEUTRALIZERS, VerifiedOptions
from handler.xgraad.rules.verified_rule import VerifiedParts, VerifiedRule
from handler.xgraad.scoring.conformal import Floats
from handler.xgraad.scoring.gate import CHANNELS, fisher_sum
from handler.xgraad.scoring.scorer import Score
from handler.xgraad.verification.candidates import DEFAULT_COUNTS, CandidateCounts
from handler.xgraad.verification.reference import LabelReference, ModelReference, NoReference, Reference
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.verification.verifier import Verifier, Wanted
from handler.xgraad.words.text import Word
from scripts.lab.evaluation.evaluation import Judge

GATE_SHARES = (0.02, 0.05, 0.1, 0.2, 1.0)
COUNTS = (
    CandidateCounts(by_attribution=1, by_gradient=0, by_attention=0),
    CandidateCounts(by_attribution=3, by_gradient=0, by_attention=0),
    CandidateCounts(by_attribution=0, by_gradient=3, by_attention=0),
    CandidateCounts(by_attribution=3, by_gradient=2, by_attention=0),
    DEFAULT_COUNTS,
    CandidateCounts(by_attribution=6, by_gradient=6, by_attention=2),
)
"""Which words are tested, and how many of them."""


class Arm(NamedTuple):
    """One variant of the defense."""

    group: str
    """What is varied: `reference`, `candidates`, `decision`, `neutralizer` or `gate_share`."""
    name: str
    judge: Judge


class DefenseArm(Verifier):
    """A verifier made of the rule's parts."""

    def __init__(self, parts: VerifiedParts) -> None:
        super().__init__(parts.transplant, parts.reference, thresholds=parts.thresholds, counts=parts.counts)
        self._parts = parts


class TopWord(DefenseArm):
    """Whatever word is on top is taken for a trigger, untested."""

    def triggers(self, scores: Sequence[Score], wanted: Sequence[Wanted] = ()) -> list[tuple[tuple[Word, ...], ...]]:
        """The top word of each text."""
        del wanted
        return [((score.top_word.word,),) if score.top_word else () for score in scores]


class FlipTested(DefenseArm):
    """A trigger has to hold the label of its own text, too: without it the label falls."""

    def triggers(self, scores: Sequence[Score], wanted: Sequence[Wanted] = ()) -> list[tuple[tuple[Word, ...], ...]]:
        """The verified triggers whose removal flips."""
        return [
            tuple(words for words in found if self._flips(score, words))
            for score, found in zip(scores, super().triggers(scores, wanted), strict=True)
        ]

    def _flips(self, score: Score, words: Sequence[Word]) -> bool:
        classifier = self._parts.classifier
        text = edit_words(score, words, self._parts.neutralize).text
        return int(classifier.logits(classifier.encode([text])).argmax()) != score.prediction.label_id


class Bench:
    """One calibrated checkpoint, and rules built around it from chosen parts.

    Args:
        parts: of the rule as it is served.
        trusted: the reference that lies beside the calibration, where there is one.
    """

    def __init__(self, parts: VerifiedParts, *, labels: LabelReference, trusted: Transplant | None) -> None:
        self._parts = parts.cold()
        self._labels = labels
        self._trusted = trusted

    def arms(self) -> Iterator[Arm]:
        """Every variant; those that are the same have the same judge."""
        usual = self.judge()
        for name, reference in self._references().items():
            yield Arm("reference", name, self.judge(reference=reference))
        for counts in COUNTS:
            name = ", ".join(f"{name.removeprefix('by_')} {n}" for name, n in vars(counts).items() if n)
            yield Arm("candidates", name, usual if counts == DEFAULT_COUNTS else self.judge(counts=counts))
        one_round = replace(self._parts, options=replace(self._parts.options, max_rounds=1))
        yield Arm("decision", "gate, top word removed", self._of(VerifiedRule(one_round, TopWord(one_round))))
        yield Arm("decision", "gate, transplant test", self.judge(reference=NoReference()))
        yield Arm("decision", "gate, transplant test, reference", usual)
        unscreened = replace(self._parts.options, screen=False)
        yield Arm("decision", "gate without screen, transplant test, reference", self.judge(options=unscreened))
        yield Arm(
            "decision",
            "gate, transplant test, reference, flip test",
            self._of(VerifiedRule(self._parts, FlipTested(self._parts))),
        )
        remembering = replace(self._parts, registry=MemoryRegistry(), options=VerifiedOptions())
        yield Arm("decision", "gate, transplant test, reference, memory", self._of(VerifiedRule(remembering)))
        for name in NEUTRALIZERS:
            neutralize = make_neutralizer(name, self._parts.classifier.encode, key=DEFAULT_KEY)
            judge = usual if name == DEFAULT_NEUTRALIZER else self.judge(neutralize=neutralize)
            yield Arm("neutralizer", name, judge)
        for share in GATE_SHARES:
            options = replace(self._parts.options, gate_share=share)
            yield Arm(
                "gate_share", f"{share:g}", usual if options == self._parts.options else self.judge(options=options)
            )

    def judge(self, **changed: Any) -> Judge:
        """The rule, cold, with some of its `VerifiedParts` changed, as a function of texts."""
        return self._of(VerifiedRule(replace(self._parts, **changed)))

    def p_values(self, texts: Sequence[str]) -> dict[str, Floats]:
        """How unusual each text is to the gate's channels, alone and combined, `[texts]`; higher = more suspicious."""
        encodings = self._parts.classifier.encode(texts)
        ranks = self._parts.gate.p_values(encodings, self._parts.classifier.look(encodings))
        chosen = [each for n in range(1, len(CHANNELS) + 1) for each in combinations(range(len(CHANNELS)), n)]
        return {" + ".join(CHANNELS[row] for row in rows): fisher_sum(ranks[list(rows)]) for rows in chosen}

    def _references(self) -> dict[str, Reference]:
        """Those there are."""
        every: dict[str, Reference] = {"none": NoReference(), "labels": self._labels}
        return every | ({"base": ModelReference(self._trusted)} if self._trusted else {})

    def _of(self, rule: VerifiedRule) -> Judge:
        return partial(self._judge, rule)

    def _judge(self, rule: VerifiedRule, texts: Sequence[str]) -> list[Verdict]:
        return rule.judge(self._parts.classifier.encode(texts), [False] * len(texts))
