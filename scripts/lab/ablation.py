"""What each part of the rule `verified` is worth: the same texts judged without it, or with more or less of it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from handler.xgraad import Calibration, Classifier, Verdict
from handler.xgraad.candidates import DEFAULT_COUNTS, CandidateCounts
from handler.xgraad.conformal import Floats, linear_trend
from handler.xgraad.defense import DEFAULT_KEY, DEFAULT_NEUTRALIZER, NEUTRALIZERS
from handler.xgraad.gate import Gate
from handler.xgraad.neutralizer import make_neutralizer
from handler.xgraad.registry import MemoryRegistry, NoRegistry
from handler.xgraad.scorer import Score, score_encodings
from handler.xgraad.screen import Screen
from handler.xgraad.transplant import Transplant
from handler.xgraad.verification import Evidence, VerificationThresholds, Verifier
from handler.xgraad.verified_rule import VerifiedOptions, VerifiedRule
from scripts.lab.evaluation import Judge

GATE_SHARES = (0.02, 0.05, 0.1, 0.2, 0.4, 1.0)
GRADIENT_CANDIDATES = (1, 2, 3, 4)
BELOW_ANY_STRENGTH = -1.0


class Arm(NamedTuple):
    """One variant of the defense."""

    group: str
    """What is varied: `decision`, `neutralizer`, `candidates` or `gate_share`."""
    name: str
    judge: Judge


class Trend(NamedTuple):
    """A line over the logarithm of a text's length."""

    intercept: float
    slope: float


class TopWord(Verifier):
    """Whatever word is on top is taken for a trigger, untested."""

    def examine(self, scores: Sequence[Score]) -> list[Evidence]:
        """The top word of each text, at full strength."""
        return [Evidence(singles=((score.top_word.word, 1.0),) if score.top_word else ()) for score in scores]


class Bench:
    """One calibrated checkpoint, and rules built around it from chosen parts."""

    def __init__(self, classifier: Classifier, calibration: Calibration) -> None:
        self.classifier = classifier
        self.calibration = calibration
        self.gate = Gate(calibration.gate)
        self._is_new = calibration.known_words.lacking()

    def arms(self) -> Iterator[Arm]:
        """Every variant; those that are the same have the same judge.

        Only those that say so have a registry: elsewhere it would hide what the others do.
        """
        usual, remembering = self.judge(), self.judge(registry=True)
        any_flip = VerificationThresholds(
            single=BELOW_ANY_STRENGTH,
            new_single=BELOW_ANY_STRENGTH,
            together=BELOW_ANY_STRENGTH,
            jointly=BELOW_ANY_STRENGTH,
            standing=1.0,
        )
        yield Arm("decision", "gate, top word removed", self.judge(untested=True))
        yield Arm("decision", "gate, flip test", self.judge(thresholds=any_flip))
        yield Arm("decision", "gate, flip and transplant test", usual)
        yield Arm("decision", "gate, flip and transplant test, registry", self.judge(registry=True, screen=False))
        yield Arm("decision", "gate, flip and transplant test, registry, screen", remembering)
        for name in NEUTRALIZERS:
            is_usual = name == DEFAULT_NEUTRALIZER
            yield Arm("neutralizer", name, usual if is_usual else self.judge(neutralizer=name))
        for n in GRADIENT_CANDIDATES:
            counts = CandidateCounts(by_trisection=0, by_attribution=1, by_gradient=n, by_attention=0)
            yield Arm("candidates", f"product 1, gradient {n}", self.judge(counts=counts))
        alone = CandidateCounts(by_trisection=1, by_attribution=0, by_gradient=0, by_attention=0)
        yield Arm("candidates", "trisection 1", self.judge(counts=alone))
        defaults = ", ".join(f"{name.removeprefix('by_')} {n}" for name, n in vars(DEFAULT_COUNTS).items())
        yield Arm("candidates", f"{defaults} (default)", usual)
        for share in GATE_SHARES:
            is_usual = share == VerifiedOptions.gate_share
            yield Arm("gate_share", f"{share:g}", usual if is_usual else self.judge(gate_share=share))
            with_registry = remembering if is_usual else self.judge(gate_share=share, registry=True)
            yield Arm("gate_share", f"{share:g}, registry", with_registry)

    def judge(
        self,
        *,
        thresholds: VerificationThresholds | None = None,
        neutralizer: str = DEFAULT_NEUTRALIZER,
        counts: CandidateCounts = DEFAULT_COUNTS,
        gate_share: float = VerifiedOptions.gate_share,
        registry: bool = False,
        screen: bool = True,
        untested: bool = False,
    ) -> Judge:
        """The rule with some of its parts changed, as a function of texts."""
        neutralize = make_neutralizer(neutralizer, self.classifier.encode, key=DEFAULT_KEY)
        transplant = Transplant(self.classifier, self.calibration.probes)
        options = VerifiedOptions(gate_share=gate_share)
        if untested:
            options = replace(options, max_rounds=1)
        rule = VerifiedRule(
            self.classifier,
            gate=self.gate,
            screen=Screen(
                transplant,
                is_new=self._is_new,
                after=options.screen_after if screen else 0,
                threshold=self.calibration.verification.single,
            ),
            verifier=(TopWord if untested else Verifier)(
                self.classifier,
                neutralize,
                transplant,
                is_new=self._is_new,
                counts=counts,
                thresholds=thresholds or self.calibration.verification,
            ),
            neutralize=neutralize,
            max_fpr=self.calibration.max_fpr,
            options=options,
            registry=MemoryRegistry() if registry else NoRegistry(),
        )
        return partial(self._judge, rule)

    def gradient_trend(self, clean: Sequence[str]) -> Trend:
        """How the gradient score of clean texts grows with length."""
        return Trend(*linear_trend(*_gradients(score_encodings(self.classifier, self.classifier.encode(clean)))))

    def gate_features(self, texts: Sequence[str], trend: Trend) -> dict[str, Floats]:
        """What a gate could look at, `[texts]` each; higher = more suspicious. The trend is that of the gradient."""
        encodings = self.classifier.encode(texts)
        scores, looks = score_encodings(self.classifier, encodings), self.classifier.look(encodings)
        attention, distance = self.gate.features(encodings, looks)
        lengths, gradients = _gradients(scores)
        return {
            "anomaly score (the paper's)": np.array([score.anomaly_score for score in scores]),
            "anomaly score, length-conditional": np.array(
                [-self.calibration.conformal.p_value(score) for score in scores]
            ),
            "gradient score, length-conditional": gradients - trend.intercept - trend.slope * lengths,
            "attention score, length-conditional": attention,
            "feature distance": distance,
            "attention and feature distance (default)": np.array(
                [each.gate_score for each in self.gate(encodings, looks)]
            ),
        }

    def _judge(self, rule: VerifiedRule, texts: Sequence[str]) -> list[Verdict]:
        return rule.judge(self.classifier.encode(texts), [False] * len(texts))


def _gradients(scores: Sequence[Score]) -> tuple[Floats, Floats]:
    """Log lengths and logs of the largest gradient score (Eq. 6)."""
    lengths = np.log([max(score.n_tokens, 1) for score in scores])
    tops = [max((word.gradient for word in score.words), default=0.0) for score in scores]
    return lengths, np.log(np.array(tops) + 1e-3)
