"""The default rule: a cheap gate, scores to localize, and a flip that counts only when the trigger is verified.

    plain forward -> gate -> [few texts:] score -> candidates -> flip test -> transplant test -> neutralize, again if
    the label still stands

A text that passes the gate but holds no verified trigger keeps its label: clean accuracy is not the price.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from handler.xgraad.classifier import Classifier, Look
from handler.xgraad.conformal import conformal_threshold
from handler.xgraad.edit import Edit, edit_words
from handler.xgraad.encoding import Encoding
from handler.xgraad.gate import Gate, GateScore
from handler.xgraad.neutralizer import Neutralizer
from handler.xgraad.prediction import Prediction, predict
from handler.xgraad.scorer import Score, score_encodings
from handler.xgraad.text import Word
from handler.xgraad.verdict import Action, Verdict
from handler.xgraad.verification import VerificationThresholds, Verifier

DEFAULT_GATE_SHARE = 0.1
"""Share of clean texts that are scored and tested."""
MAX_ROUNDS = 4
"""How often an edited text whose label still stands is examined again."""


@dataclass
class _Case:
    """A text under examination: what was found in it so far."""

    original: Score
    current: Score
    """The score of the text as edited so far."""
    triggers: tuple[Word, ...] = ()
    """Verified words, as they stand in the text under examination when found."""
    edit: Edit | None = None

    @property
    def is_open(self) -> bool:
        """Whether the suspect label still stands."""
        return self.current.prediction.label_id == self.original.prediction.label_id


class VerifiedRule:
    """Neutralizes only what the transplant test calls a trigger."""

    name = "verified"

    def __init__(
        self,
        classifier: Classifier,
        *,
        gate: Gate,
        verifier: Verifier,
        thresholds: VerificationThresholds,
        neutralize: Neutralizer,
        max_fpr: float,
        gate_share: float = DEFAULT_GATE_SHARE,
    ) -> None:
        self._classifier = classifier
        self._gate = gate
        self._verifier = verifier
        self._thresholds = thresholds
        self._neutralize = neutralize
        self._max_fpr = max_fpr
        self._gate_share = gate_share
        self._flag_threshold = conformal_threshold(gate.statistics.fisher, max_fpr)

    def judge(self, encodings: Sequence[Encoding], explain: Sequence[bool]) -> list[Verdict]:
        """One verdict per text, in order; texts to explain are scored whether they pass the gate or not."""
        looks = self._classifier.look(encodings)
        gates = self._gate(encodings, looks)
        passed = [gate.p_value <= self._gate_share for gate in gates]
        rows = [row for row, wanted in enumerate(explain) if wanted or passed[row]]
        scores = dict(zip(rows, score_encodings(self._classifier, [encodings[row] for row in rows]), strict=True))
        cases = {row: _Case(score, score) for row, score in scores.items() if passed[row] and score.words}
        self._examine(list(cases.values()))
        predictions = _predictions(looks, self._classifier.labels)
        return [
            self._verdict(encodings[row], predictions[row], gates[row], scores.get(row), cases.get(row))
            for row in range(len(encodings))
        ]

    def _examine(self, cases: list[_Case]) -> None:
        """Look for triggers, edit, score again; several in one text are found one round after the other."""
        going_on = cases
        for _ in range(MAX_ROUNDS):
            evidence = self._verifier.examine([case.current for case in going_on], self._thresholds)
            found = [self._thresholds.verified(each) for each in evidence]
            edited = [case for case, words in zip(going_on, found, strict=True) if words]
            for case, words in zip(going_on, found, strict=True):
                case.triggers += words
            if not edited:
                return
            for case in edited:
                case.edit = edit_words(case.original, case.triggers, self._neutralize)
            texts = [case.edit.text for case in edited if case.edit]
            rescored = score_encodings(self._classifier, self._classifier.encode(texts))
            for case, score in zip(edited, rescored, strict=True):
                case.current = score
            going_on = [case for case in edited if case.is_open and case.current.words]

    def _verdict(
        self, encoding: Encoding, undefended: Prediction, gate: GateScore, score: Score | None, case: _Case | None
    ) -> Verdict:
        edit = case.edit if case else None
        return Verdict(
            rule=self.name,
            flagged=gate.p_value <= self._max_fpr or edit is not None,
            verified=edit is not None,
            action=Action.NEUTRALIZED if edit else Action.PASSED,
            anomaly_score=score.anomaly_score if score else None,
            gate_score=gate.gate_score,
            threshold=self._flag_threshold,
            p_value=gate.p_value,
            undefended=undefended,
            defended=case.current.prediction if case and edit else undefended,
            suspects=edit.suspects if edit else (),
            neutralized_text=edit.text if edit else None,
            truncated=encoding.truncated,
            words=score.words if score else (),
        )


def _predictions(looks: Sequence[Look], labels: Sequence[str]) -> list[Prediction]:
    return predict(torch.stack([look.logits for look in looks]), labels) if looks else []
