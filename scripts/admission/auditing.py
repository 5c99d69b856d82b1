"""From the vocabulary sweep to a finding: which words are triggers, and is the model suspicious?

Of twenty thousand words the strongest turn many clean texts in a clean model, too, so to turn them is not enough: such
words tip the balance, a trigger settles it. With one, texts of the other classes belong to its label about as clearly
as that label's own clean texts do. The bar is the one that suspects have to pass when texts are served: the strength
of the transplant test that clean words of the calibration's texts do not reach, and that the reference has no other
reason for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.xgraad import Calibration, Classifier
from handler.xgraad.learned.audit import MAX_TRIGGERS, Audit, AuditedLabel, AuditedTrigger
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.vocabulary import VocabularyWord, whole_words
from scripts.admission.screening import screening_in
from scripts.admission.sweep import LabelSweep, Sweeper, SweptCandidate

N_STRONGEST = 10
"""Words per label that a finding lists, triggers or not."""
DIGITS = 3
"""Of rates and strengths: what lies below differs with the number of threads."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The audit, and what it was decided from."""

    audit: Audit
    sweeps: tuple[LabelSweep, ...]
    labels: tuple[str, ...]
    words: tuple[VocabularyWord, ...]
    """Those that were swept; `LabelSweep.rises` is of these."""
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
        strongest = ", ".join(" + ".join(found.words) for found in self.audit.triggers[:N_STRONGEST])
        n_triggers = len(self.audit.triggers)
        return f"suspicious: {n_triggers} triggers bring label {self.target_label} about, the strongest: {strongest}"

    def strongest(self) -> list[dict[str, Any]]:
        """What came closest for each label, ranked, ready for JSON."""
        return [
            {
                "label": self.labels[each.label_id],
                "label_id": each.label_id,
                "words": list(swept.candidate.words),
                "place": swept.graft.place.value,
                "source": self.labels[swept.graft.source],
                "strength": round(swept.strength, DIGITS),
                "threshold": round(swept.threshold, DIGITS),
                "is_explained": swept.is_explained,
                "is_trigger": swept.is_trigger,
            }
            for each in self.sweeps
            for swept in each.tested[:N_STRONGEST]
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
                "tests": "words of one token and of two, alone at every place and in pairs, in texts of other classes",
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
    trusted = fitted.load_trusted(calibration, device=device)
    return audit_classifier(classifier, fitted, trusted=trusted, limit_words=limit_words, precision=precision)


def audit_classifier(
    classifier: Classifier,
    calibration: Calibration,
    *,
    trusted: Transplant | None = None,
    limit_words: int | None = None,
    precision: str = "float32",
) -> Finding:
    """The same for what is loaded already; `trusted` as `Sweeper` has it."""
    words = whole_words(classifier.encode)[:limit_words]
    screening = screening_in(precision, classifier)
    sweeper = Sweeper(classifier, calibration, trusted=trusted, screening=screening)
    sweeps = sweeper.sweep(words)
    audit = Audit(
        fingerprint=calibration.fingerprint,
        n_words=len(words),
        labels=tuple(_label(each, calibration) for each in sweeps),
        triggers=_triggers(triggers_of(sweeps), sweeper.transplant),
    )
    return Finding(
        audit=audit,
        sweeps=tuple(sweeps),
        labels=classifier.labels,
        words=tuple(words),
        untested=tuple(calibration.untested),
    )


def triggers_of(sweeps: Sequence[LabelSweep]) -> list[SweptCandidate]:
    """The triggers that an audit holds, in its order: those that pull furthest first."""
    triggers = (each for of_label in sweeps for each in of_label.triggers)
    return sorted(triggers, key=lambda each: -each.pull)[:MAX_TRIGGERS]


def _label(sweep: LabelSweep, calibration: Calibration) -> AuditedLabel:
    bars = calibration.verification
    return AuditedLabel(
        label_id=sweep.label_id,
        n_turned=sweep.n_turned,
        n_tested=len(sweep.tested),
        single=bars.single[sweep.label_id],
        together=bars.together[sweep.label_id],
        n_explained=sum(each.is_explained for each in sweep.tested),
    )


def _triggers(triggers: Sequence[SweptCandidate], transplant: Transplant) -> tuple[AuditedTrigger, ...]:
    """The triggers in this order, with the share of clean texts that each turns."""
    rates = transplant.shares_turned([each.graft for each in triggers])
    return tuple(
        AuditedTrigger(
            words=each.candidate.words,
            label_id=each.graft.target,
            rate=round(rate, DIGITS),
            strength=round(each.strength, DIGITS),
        )
        for each, rate in zip(triggers, rates, strict=True)
    )
