"""From the vocabulary sweep to a finding: which words are triggers, and is the model suspicious?

Of twenty thousand words the strongest turn many clean texts in a clean model, too, so to turn them is not enough: such
words tip the balance, a trigger settles it. With one, texts of the other classes belong to its label about as clearly
as that label's own clean texts do. The bar is the one that suspects have to pass when texts are served: the strength
of the transplant test that clean words of the calibration's texts do not reach (`single` of `VerificationThresholds`).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from handler.xgraad import Calibration, Classifier, fingerprint
from handler.xgraad.audit import MAX_TRIGGERS, Audit, AuditedLabel, AuditedTrigger
from handler.xgraad.transplant import Transplant
from scripts.lab.sweep import LabelSweep, sweep, whole_words

N_STRONGEST = 10
"""Words per label that a finding lists, triggers or not."""
DIGITS = 3
"""Of rates and margins: what lies below differs with the number of threads."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The audit, and what it was decided from."""

    audit: Audit
    sweeps: tuple[LabelSweep, ...]
    labels: tuple[str, ...]

    @property
    def target_label(self) -> str | None:
        """Name of the label that the strongest trigger brings about."""
        label_id = self.audit.target_label_id
        return None if label_id is None else self.labels[label_id]

    def sentence(self) -> str:
        """The finding in one line."""
        if not self.audit.suspicious:
            return f"not suspicious: none of {self.audit.n_words} words is a trigger"
        words = ", ".join(found.word for found in self.audit.triggers[:N_STRONGEST])
        n_triggers = len(self.audit.triggers)
        return f"suspicious: {n_triggers} words bring label {self.target_label} about, the strongest: {words}"

    def strongest(self) -> list[dict[str, Any]]:
        """The words that came closest for each label, ranked, ready for JSON."""
        needed = {label.label_id: label.margin_threshold for label in self.audit.labels}
        triggers = {(found.label_id, found.word) for found in self.audit.triggers}
        return [
            {
                "label": self.labels[each.label_id],
                "label_id": each.label_id,
                "word": word.word,
                "rate": round(word.rate, DIGITS),
                "margin": round(word.margin, DIGITS),
                "lowest_margin": round(min(word.margins), DIGITS),
                "margin_threshold": needed[each.label_id],
                "is_trigger": (each.label_id, word.word) in triggers,
            }
            for each in self.sweeps
            for word in each.tested[:N_STRONGEST]
        ]

    def summary(self) -> dict[str, Any]:
        """Finding and evidence, ready for JSON."""
        audit = self.audit
        return {
            "suspicious": audit.suspicious,
            "target_label": {"label_id": audit.target_label_id, "label": self.target_label},
            "triggers": [found.model_dump() | {"label": self.labels[found.label_id]} for found in audit.triggers],
            "evidence": {
                "n_words": audit.n_words,
                "strength_threshold": audit.strength_threshold,
                "labels": [each.model_dump() | {"label": self.labels[each.label_id]} for each in audit.labels],
                "strongest": self.strongest(),
                "tests": "words that are one token, one at a time, in the middle of clean texts of every other class",
            },
            "fingerprint": audit.fingerprint.model_dump(),
        }


def audit_checkpoint(
    checkpoint: Path,
    calibration: Path,
    *,
    device: str = "cpu",
    limit_words: int | None = None,
    precision: str = "float32",
) -> Finding:
    """Sweep the vocabulary of a checkpoint.

    Args:
        checkpoint: model folder.
        calibration: file that was made for it.
        device: as torch names it.
        limit_words: test only the first so many.
        precision: of the screening, "float32" or "bfloat16"; what it lets through is tested in float32.

    Raises:
        CheckpointError, CalibrationError: see there.
    """
    fitted = Calibration.read(calibration)
    max_length, served = fitted.fingerprint.max_length, fitted.fingerprint.precision
    classifier = Classifier.load(checkpoint, device=device, max_length=max_length, precision=served)
    fitted.fingerprint.require(fingerprint(checkpoint, max_length=max_length, precision=served))
    screening = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bfloat16")
    return audit_classifier(classifier, fitted, limit_words=limit_words, screening=screening)


def audit_classifier(
    classifier: Classifier,
    calibration: Calibration,
    *,
    limit_words: int | None = None,
    screening: AbstractContextManager[object] | None = None,
) -> Finding:
    """The same for what is loaded already; `screening` as in `sweep`."""
    words = whole_words(classifier.encode)[:limit_words]
    sweeps = sweep(classifier, calibration.probes, words, screening=screening)
    threshold = calibration.verification.single
    own = Transplant(classifier, calibration.probes).own_margins
    needed = {each.label_id: round(threshold * own[each.label_id], DIGITS) for each in sweeps}
    audit = Audit(
        fingerprint=calibration.fingerprint,
        n_words=len(words),
        strength_threshold=threshold,
        labels=tuple(
            AuditedLabel(label_id=each.label_id, n_passed=each.n_passed, margin_threshold=needed[each.label_id])
            for each in sweeps
        ),
        triggers=_triggers(sweeps, needed),
    )
    return Finding(audit=audit, sweeps=tuple(sweeps), labels=classifier.labels)


def _triggers(sweeps: Sequence[LabelSweep], needed: Mapping[int, float]) -> tuple[AuditedTrigger, ...]:
    """The words whose mean margin is above what their label needs, ranked over all labels."""
    found = [
        AuditedTrigger(
            word=word.word, label_id=each.label_id, rate=round(word.rate, DIGITS), margin=round(word.margin, DIGITS)
        )
        for each in sweeps
        for word in each.tested
        if word.margin > needed[each.label_id]
    ]
    ranked = sorted(found, key=lambda trigger: (-trigger.rate, -trigger.margin, trigger.word))
    return tuple(ranked[:MAX_TRIGGERS])
