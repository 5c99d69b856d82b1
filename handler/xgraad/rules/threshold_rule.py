"""Algorithm 1 of the paper: score every text, compare with a threshold, neutralize the top word, predict again."""

from collections.abc import Sequence
from typing import Protocol

from handler.xgraad.editing.edit import Edit, edit_words, everywhere
from handler.xgraad.editing.neutralizer import Neutralizer
from handler.xgraad.editing.verdict import Action, Verdict
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import Score, score_encodings
from handler.xgraad.words.encoding import Encoding


class Threshold(Protocol):
    """Which anomaly score is out of line; `thresholds` has those that are fitted."""

    def threshold_for(self, score: Score, /) -> float:
        """The anomaly score above which the text is flagged."""

    def p_value(self, score: Score, /) -> float:
        """Share of clean texts that stand out at least as much, in [0, 1]."""


class ThresholdRule:
    """Flags a text whose anomaly score is above a calibrated threshold."""

    def __init__(self, name: str, classifier: Classifier, threshold: Threshold, neutralize: Neutralizer) -> None:
        self.name = name
        self._classifier = classifier
        self._threshold = threshold
        self._neutralize = neutralize

    def judge(self, encodings: Sequence[Encoding], _explain: Sequence[bool]) -> list[Verdict]:
        """One verdict per text, in order; every text is scored, so explanations cost nothing more."""
        scores = score_encodings(self._classifier, encodings)
        edits = {
            row: edit_words(score, everywhere(score, score.top_word.word), self._neutralize)
            for row, score in enumerate(scores)
            if score.top_word and score.anomaly_score > self._threshold.threshold_for(score)
        }
        texts = [edit.text for edit in edits.values()]
        defended = self._classifier.predictions(texts)
        second = dict(zip(edits, defended, strict=True))
        return [self._verdict(score, edits.get(row), second.get(row)) for row, score in enumerate(scores)]

    def _verdict(self, score: Score, edit: Edit | None, defended: Prediction | None) -> Verdict:
        return Verdict(
            rule=self.name,
            flagged=edit is not None,
            verified=False,
            tested=None,
            action=Action.NEUTRALIZED if edit else Action.PASSED,
            anomaly_score=score.anomaly_score,
            gate_score=None,
            threshold=self._threshold.threshold_for(score),
            p_value=self._threshold.p_value(score),
            undefended=score.prediction,
            defended=defended or score.prediction,
            suspects=edit.suspects if edit else (),
            neutralized_text=edit.text if edit else None,
            truncated=score.encoding.truncated,
            words=score.words,
        )
