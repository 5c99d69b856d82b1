"""Collects what clean texts show, fits everything, freezes it."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from handler.xgraad.calibration import MIN_TEXTS, Calibration
from handler.xgraad.classifier import Classifier, Look
from handler.xgraad.conformal import texts_needed
from handler.xgraad.errors import TooFewTextsError
from handler.xgraad.fingerprint import Fingerprint
from handler.xgraad.gate import Gate, GateStatistics, fit_gate
from handler.xgraad.neutralizer import Mask
from handler.xgraad.probes import Probes, choose_probes
from handler.xgraad.scorer import Score, score_encodings
from handler.xgraad.thresholds import PAPER_PERCENTILE, LengthConditionalThreshold, PaperThreshold
from handler.xgraad.transplant import Transplant
from handler.xgraad.verification import VerificationThresholds, Verifier
from handler.xgraad.word_set import WordSet

N_EXAMINED = 300
"""Clean texts, those with the highest gate scores, that show what clean words reach in the transplant test."""


class Calibrator:
    """Mutable; `calibrate` returns the frozen record."""

    def __init__(self, classifier: Classifier, fingerprint: Fingerprint) -> None:
        self._classifier = classifier
        self._fingerprint = fingerprint
        self._scores: list[Score] = []
        self._looks: list[Look] = []

    def update(self, texts: Sequence[str]) -> "Calibrator":
        """Take in more clean texts; returns itself.

        Raises:
            TextError: a text that no tokenizer can take.
        """
        encodings = self._classifier.encode(texts)
        self._scores += score_encodings(self._classifier, encodings)
        self._looks += self._classifier.look(encodings)
        return self

    def calibrate(self, *, max_fpr: float, percentile: float = PAPER_PERCENTILE) -> Calibration:
        """Fit and freeze.

        Args:
            max_fpr: share of clean texts that may be flagged, in (0, 1).
            percentile: of the paper's rule, in (0, 100).

        Raises:
            TooFewTextsError: the rate needs more texts; the message says how many.
        """
        needed = max(texts_needed(max_fpr), MIN_TEXTS)
        if len(self._scores) < needed:
            raise TooFewTextsError(f"max_fpr {max_fpr} needs at least {needed} clean texts, got {len(self._scores)}")
        encodings = [score.encoding for score in self._scores]
        gate = fit_gate(encodings, self._looks)
        logits = torch.stack([look.logits for look in self._looks])
        probes = choose_probes(encodings, logits, self._classifier.encode)
        return Calibration(
            fingerprint=self._fingerprint,
            max_fpr=max_fpr,
            n_texts=len(self._scores),
            n_truncated=sum(encoding.truncated for encoding in encodings),
            paper=PaperThreshold.fit(self._scores, percentile=percentile),
            conformal=LengthConditionalThreshold.fit(self._scores, max_fpr=max_fpr),
            gate=gate,
            probes=probes,
            verification=self._verification(gate, probes),
            known_words=WordSet.of(word.key for encoding in encodings for word in encoding.words),
        )

    def _verification(self, gate: GateStatistics, probes: Probes) -> VerificationThresholds:
        """What clean words reach, in the texts that stand out most; probes are not examined with themselves."""
        encode = self._classifier.encode
        own = {encode.with_template(probe.token_ids).token_ids for each in probes for probe in each}
        gate_scores = [each.gate_score for each in Gate(gate)([score.encoding for score in self._scores], self._looks)]
        ranked = [self._scores[row] for row in np.argsort(gate_scores)[::-1]]
        examined = [score for score in ranked if score.words and score.encoding.token_ids not in own][:N_EXAMINED]
        n_texts = Counter(key for score in self._scores for key in {word.key for word in score.encoding.words})
        verifier = Verifier(
            self._classifier,
            Mask(encode),
            Transplant(self._classifier, probes),
            is_new=lambda key: n_texts[key] == 1,
        )
        return VerificationThresholds.fit(verifier.examine(examined))
