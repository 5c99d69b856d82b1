"""From the vocabulary sweep to a finding: which words are triggers, and is the model suspicious?

Of twenty thousand words the strongest turn many clean texts in a clean model, too, so to turn them is not enough: such
words tip the balance, a trigger settles it. With one, texts of the other classes belong to its label about as clearly
as that label's own clean texts do. The bar is the one that suspects have to pass when texts are served: the strength
of the transplant test that clean words of the calibration's texts do not reach (`single` of `VerificationThresholds`),
and that the reference has no other reason for it.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from handler.xgraad import Calibration, Classifier
from handler.xgraad.learned.audit import MAX_TRIGGERS, Audit, AuditedLabel, AuditedTrigger
from handler.xgraad.verification.probes import Place
from handler.xgraad.verification.reference import Reference, make_reference
from handler.xgraad.verification.transplant import Graft, Transplant
from handler.xgraad.words.vocabulary import whole_words
from scripts.admission.sweep import LabelSweep, SweptWord, sweep

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
    untested: tuple[int, ...] = ()
    """Labels that the calibration's probes cannot test."""

    @property
    def target_label(self) -> str | None:
        """Name of the label that the strongest trigger brings about."""
        label_id = self.audit.target_label_id
        return None if label_id is None else self.labels[label_id]

    def sentence(self) -> str:
        """The finding in one line."""
        if not self.audit.suspicious:
            names = ", ".join(self.labels[label] for label in self.untested)
            left_out = f"; not tested for {names}: the calibration has too few texts" if names else ""
            return f"not suspicious: none of {self.audit.n_words} words is a trigger{left_out}"
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
                "labels": [each.model_dump() | {"label": self.labels[each.label_id]} for each in audit.labels],
                "strongest": self.strongest(),
                "tests": "words that are one token, one at a time, in the middle of clean texts of every other class",
            },
            "untested": [self.labels[label] for label in self.untested],
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
    classifier = fitted.load_classifier(checkpoint, device=device)
    screening = torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bfloat16")
    trusted = fitted.load_trusted(calibration, device=device)
    return audit_classifier(classifier, fitted, trusted=trusted, limit_words=limit_words, screening=screening)


def audit_classifier(
    classifier: Classifier,
    calibration: Calibration,
    *,
    trusted: Transplant | None = None,
    limit_words: int | None = None,
    screening: AbstractContextManager[object] | None = None,
) -> Finding:
    """The same for what is loaded already; `screening` as in `sweep`, `trusted` the reference of the calibration."""
    words = whole_words(classifier.encode)[:limit_words]
    sweeps = sweep(classifier, calibration.probes, words, screening=screening)
    suspect = Transplant(classifier, calibration.probes)
    reference = make_reference(calibration.labels.tied(), suspect, trusted)
    labels, found = [], []
    for each in sweeps:
        strength = calibration.verification.single[each.label_id]
        needed = round(strength * suspect.own_margins[each.label_id], DIGITS)
        strong = [word for word in each.tested if word.margin > needed]
        left = _unexplained(strong, each.label_id, reference, n_labels=len(classifier.labels))
        found += [_trigger(word, each.label_id) for word in left]
        labels.append(
            AuditedLabel(
                label_id=each.label_id,
                n_passed=each.n_passed,
                strength_threshold=strength,
                margin_threshold=needed,
                n_explained=len(strong) - len(left),
            )
        )
    ranked = sorted(found, key=lambda trigger: (-trigger.rate, -trigger.margin, trigger.word))
    audit = Audit(
        fingerprint=calibration.fingerprint,
        n_words=len(words),
        labels=tuple(labels),
        triggers=tuple(ranked[:MAX_TRIGGERS]),
    )
    return Finding(audit=audit, sweeps=tuple(sweeps), labels=classifier.labels, untested=tuple(calibration.untested))


def _unexplained(words: Sequence[SweptWord], label: int, reference: Reference, *, n_labels: int) -> list[SweptWord]:
    """Those whose strength the reference has no reason for, whatever other label the clean texts are of."""
    left = list(words)
    for source in range(n_labels):
        if source != label:
            grafts = [Graft((word.word,), Place.INSIDE, target=label, source=source) for word in left]
            answers = reference.explains(grafts)
            left = [word for word, is_explained in zip(left, answers, strict=True) if not is_explained]
    return left


def _trigger(word: SweptWord, label: int) -> AuditedTrigger:
    return AuditedTrigger(
        word=word.word, label_id=label, rate=round(word.rate, DIGITS), margin=round(word.margin, DIGITS)
    )
