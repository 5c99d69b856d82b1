"""Collects what clean texts show, fits everything, freezes it."""

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from handler.xgraad.calibration import MIN_TEXTS, Calibration
from handler.xgraad.classifier import Classifier, Look
from handler.xgraad.conformal import texts_needed
from handler.xgraad.encoding import Encoding
from handler.xgraad.errors import TooFewTextsError
from handler.xgraad.fingerprint import Fingerprint
from handler.xgraad.gate import Gate, GateStatistics, fit_gate
from handler.xgraad.label_evidence import LabelEvidence
from handler.xgraad.options import PAPER_PERCENTILE
from handler.xgraad.probes import Probe, choose_rows, choose_short, make_probes
from handler.xgraad.reference import Reference, make_reference
from handler.xgraad.scorer import Score, score_encodings
from handler.xgraad.screen import Screen
from handler.xgraad.thresholds import LengthConditionalThreshold, PaperThreshold
from handler.xgraad.transplant import Transplant
from handler.xgraad.trusted_model import TrustedModel
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
        self._labels: list[int] = []

    def update(self, texts: Sequence[str], labels: Sequence[int] = ()) -> "Calibrator":
        """Take in more clean texts; returns itself.

        Args:
            texts: clean.
            labels: what people said of each, class numbers; none where that is unknown. All texts have one or none has.

        Raises:
            TextError: a text that no tokenizer can take.
        """
        encodings = self._classifier.encode(texts)
        self._scores += score_encodings(self._classifier, encodings)
        self._looks += self._classifier.look(encodings)
        self._labels += labels
        return self

    def probe_rows(self) -> tuple[tuple[int, ...], ...]:
        """For each label the rows of the texts that are its probes, counted from the first text taken in."""
        return choose_rows(self._encodings, self._logits(), self._classifier.encode)

    def calibrate(
        self,
        *,
        max_fpr: float,
        percentile: float = PAPER_PERCENTILE,
        trusted: tuple[TrustedModel, Transplant] | None = None,
    ) -> Calibration:
        """Fit and freeze.

        Args:
            max_fpr: share of clean texts that may be flagged, in (0, 1).
            percentile: of the paper's rule, in (0, 100).
            trusted: the reference, where there is one; what it learned from must not hold the texts of `probe_rows`.

        Raises:
            TooFewTextsError: the rate needs more texts; the message says how many.
        """
        needed = max(texts_needed(max_fpr), MIN_TEXTS)
        if len(self._scores) < needed:
            raise TooFewTextsError(f"max_fpr {max_fpr} needs at least {needed} clean texts, got {len(self._scores)}")
        gate = fit_gate(self._encodings, self._looks)
        rows = self.probe_rows()
        probes = make_probes([[self._encodings[row].text for row in each] for each in rows], self._classifier.encode)
        labels = self._evidence()
        short = choose_short(self._encodings, self._logits(), self._classifier.encode)
        suspect = Transplant(self._classifier, probes)
        reference = make_reference(labels.tied(), suspect, trusted[1] if trusted else None)
        return Calibration(
            fingerprint=self._fingerprint,
            max_fpr=max_fpr,
            n_texts=len(self._scores),
            n_truncated=sum(encoding.truncated for encoding in self._encodings),
            paper=PaperThreshold.fit(self._scores, percentile=percentile),
            conformal=LengthConditionalThreshold.fit(self._scores, max_fpr=max_fpr),
            gate=gate,
            probes=probes,
            short=short,
            verification=self._verification(gate, suspect, reference, own={*chain(*rows)}, short=short),
            known_words=WordSet.of(word.key for encoding in self._encodings for word in encoding.words),
            labels=labels,
            reference=trusted[0] if trusted else None,
        )

    @property
    def _encodings(self) -> list[Encoding]:
        return [score.encoding for score in self._scores]

    def _logits(self) -> Tensor:
        return torch.stack([look.logits for look in self._looks])

    def _evidence(self) -> LabelEvidence:
        if not self._labels:
            return LabelEvidence.none()
        texts = [{word.key for word in encoding.words} for encoding in self._encodings]
        return LabelEvidence.of(texts, self._labels, n_labels=len(self._classifier.labels))

    def _verification(
        self,
        gate: GateStatistics,
        suspect: Transplant,
        reference: Reference,
        *,
        own: Collection[int],
        short: Sequence[Probe | None],
    ) -> VerificationThresholds:
        """What clean words reach, in the texts that stand out most and in those whose new words turn a clean one.

        A word is as new to the other texts where it stands in one only. Probes are not examined with themselves.
        """
        gate_scores = [each.gate_score for each in Gate(gate)(self._encodings, self._looks)]
        ranked = [int(row) for row in np.argsort(gate_scores)[::-1] if int(row) not in own and self._scores[row].words]
        n_texts = Counter(key for encoding in self._encodings for key in {word.key for word in encoding.words})
        screen = Screen(self._classifier, short, is_new=lambda key: n_texts[key] == 1)
        n_labels = len(self._classifier.labels)
        verifier = Verifier(suspect, reference, thresholds=VerificationThresholds.lowest(n_labels))
        predictions = [score.prediction for score in self._scores]
        new = verifier.moving(screen(self._encodings, predictions), predictions)
        chosen = [*ranked[:N_EXAMINED], *[row for row in ranked[N_EXAMINED:] if new[row]][:N_EXAMINED]]
        evidence = verifier.examine(
            [self._scores[row] for row in chosen], [{word.key for word in new[row]} for row in chosen]
        )
        return VerificationThresholds.fit(evidence, n_labels=n_labels)
