"""What was learned from clean texts for a model with several labels: a calibration for each, frozen, in one file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from handler.xgraad.drift.drift_statistics import DriftStatistics
from handler.xgraad.errors import CalibrationError
from handler.xgraad.files.fingerprint import CALIBRATION_FILE, Fingerprint
from handler.xgraad.frozen import Frozen
from handler.xgraad.learned.calibration import (
    LONGEST_ORIGIN,
    MIN_TEXTS,
    ORIGIN,
    SEVERAL_LABELS,
    Calibration,
    calibrated_classifier,
    calibration_text,
)
from handler.xgraad.learned.calibration_check import ModelShape, require_entries
from handler.xgraad.learned.strict_json import first_fault, one_line_numbers
from handler.xgraad.learned.trusted_model import TrustedModel, folder_beside
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.multilabel.label_view import N_SIDES, views_of
from handler.xgraad.scoring.gate import GateStatistics
from handler.xgraad.scoring.thresholds import LengthConditionalThreshold, PaperThreshold
from handler.xgraad.verification.evidence import VerificationThresholds
from handler.xgraad.verification.label_evidence import LabelEvidence
from handler.xgraad.verification.probes import Probe
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.token_set import TokenSet
from handler.xgraad.words.word_set import WordSet

FORMAT: Final = "xgraad-labels-calibration-1"


class LabelFit(Frozen):
    """What belongs to one label, fitted in its view; for the fields see `Calibration`."""

    paper: PaperThreshold
    conformal: LengthConditionalThreshold
    gate: GateStatistics
    probes: tuple[tuple[Probe, ...], ...]
    short: tuple[Probe | None, ...]
    verification: VerificationThresholds
    inert: TokenSet = TokenSet()
    labels: LabelEvidence

    @classmethod
    def of(cls, calibration: Calibration) -> "LabelFit":
        """The label's part of the calibration of its view."""
        return cls(**{name: getattr(calibration, name) for name in cls.model_fields})


class LabelsCalibration(Frozen):
    """Everything that was learned from clean texts, valid for one fingerprint and one threshold."""

    format: Literal["xgraad-labels-calibration-1"] = FORMAT
    fingerprint: Fingerprint
    origin: Annotated[str, Field(pattern=ORIGIN, max_length=LONGEST_ORIGIN)] | None = None
    label_threshold: Annotated[float, Field(gt=0, lt=1)]
    """Probability above which a text has a label."""
    max_fpr: Annotated[float, Field(gt=0, lt=1)]
    """Share of clean texts that may be flagged for one label."""
    n_texts: Annotated[int, Field(ge=MIN_TEXTS)]
    n_truncated: Annotated[int, Field(ge=0)]
    known_words: WordSet
    """The words of the clean texts."""
    untested: tuple[Annotated[int, Field(ge=0)], ...]
    """The labels that these texts cannot test, as the operator said by name; ascending."""
    labels: tuple[LabelFit, ...]
    drift: DriftStatistics | None = None
    """What windows of live texts are held against; the states that are watched are the same for all labels."""
    reference: TrustedModel | None = None
    """The trusted model that lies beside this file, where there is one; its probes are those of each label's two sides,
    one label after the other."""

    @classmethod
    def of(
        cls, of_labels: Sequence[Calibration], *, label_threshold: float, reference: TrustedModel | None
    ) -> "LabelsCalibration":
        """From the calibrations of all views, in the order of the labels."""
        first = of_labels[0]
        return cls(
            fingerprint=first.fingerprint,
            origin=first.origin,
            label_threshold=label_threshold,
            max_fpr=first.max_fpr,
            n_texts=first.n_texts,
            n_truncated=first.n_truncated,
            known_words=first.known_words,
            untested=tuple(label for label, each in enumerate(of_labels) if each.untested),
            labels=tuple(LabelFit.of(each) for each in of_labels),
            drift=first.drift,
            reference=reference,
        )

    @property
    def windows(self) -> None:
        """Of long texts the beginning is looked at."""
        return

    def of_label(self, label: int) -> Calibration:
        """The calibration of one label's view.

        The last label's has the drift statistics: it is judged last, so that a text is watched once, when all is done.
        """
        own = {name: getattr(self.labels[label], name) for name in LabelFit.model_fields}
        return Calibration(
            fingerprint=self.fingerprint,
            origin=self.origin,
            max_fpr=self.max_fpr,
            n_texts=self.n_texts,
            n_truncated=self.n_truncated,
            known_words=self.known_words,
            drift=self.drift if label == len(self.labels) - 1 else None,
            untested=tuple(range(N_SIDES)) if label in self.untested else (),
            **own,
        )

    def load_classifier(self, folder: Path, *, device: str) -> Classifier:
        """The checkpoint that this was made for, in the window and precision it was made with.

        Raises:
            CheckpointError: the folder is unsafe, incomplete, unsupported, or fails its self-test.
            CalibrationError: this was made for something else, or its parts do not fit the model.
        """
        classifier = calibrated_classifier(folder, self.fingerprint, device=device, several_labels=True)
        require_entries({"labels": self.labels}, len(classifier.labels), "labels of the model")
        shape = ModelShape.of(classifier)._replace(n_labels=N_SIDES)
        for label in range(len(self.labels)):
            try:
                self.of_label(label).require_fit(shape)
            except CalibrationError as error:
                raise CalibrationError(f"labels.{label}: {error}") from error
        return classifier

    def load_trusted(self, path: Path, *, device: str) -> tuple[Transplant, ...] | None:
        """For each label the trusted model beside this file, which was read from `path`; None where it has none.

        Raises:
            CheckpointError, CalibrationError: see `TrustedModel.open`.
        """
        if self.reference is None:
            return None
        classifier = self.reference.open(folder_beside(path), device=device, several_labels=True)
        if len(classifier.labels) != len(self.labels):
            raise CalibrationError(
                f"{CALIBRATION_FILE}: its reference has {len(classifier.labels)} labels; make it anew"
            )
        return transplants_of(classifier, self.reference)

    def to_json(self) -> str:
        """As `Calibration` has it."""
        return one_line_numbers(self.model_dump())

    @classmethod
    def from_json(cls, text: str) -> "LabelsCalibration":
        """Read what `to_json` wrote.

        Raises:
            CalibrationError: no JSON, or a field is missing, unknown, ill-typed or out of range.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            if not SEVERAL_LABELS.search(text):
                rule = "is not that of a model with several labels for a text, which is needed here"
                raise CalibrationError(f"{CALIBRATION_FILE}: format: {rule}; make it with scripts.calibrate") from error
            raise CalibrationError(
                f"{CALIBRATION_FILE}: {first_fault(error)}; make it with scripts.calibrate"
            ) from error

    @classmethod
    def read(cls, path: Path) -> "LabelsCalibration":
        """Read a file.

        Raises:
            CalibrationError: it is missing or not such a calibration.
        """
        return cls.from_json(calibration_text(path))


def read_calibration(path: Path) -> Calibration | LabelsCalibration:
    """A calibration file, of whichever kind of model.

    Raises:
        CalibrationError: it is missing or not a calibration.
    """
    text = calibration_text(path)
    kind = LabelsCalibration if SEVERAL_LABELS.search(text) else Calibration
    return kind.from_json(text)


def transplants_of(classifier: Classifier, trusted: TrustedModel) -> tuple[Transplant, ...]:
    """What puts words into the trusted model's own clean texts, for each label."""
    return tuple(
        Transplant(view, trusted.probes[N_SIDES * label : N_SIDES * (label + 1)])
        for label, view in enumerate(views_of(classifier))
    )
