"""What was learned from clean texts: frozen, and strict JSON beside the checkpoint."""

import re
from collections.abc import Sized
from itertools import chain
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from handler.xgraad.drift.drift_statistics import DriftStatistics
from handler.xgraad.errors import CalibrationError
from handler.xgraad.files.fingerprint import CALIBRATION_FILE, Fingerprint
from handler.xgraad.frozen import Frozen
from handler.xgraad.learned.calibration_check import (
    ModelShape,
    require_domains,
    require_enough,
    require_entries,
    require_gate,
    require_plan,
    require_testable,
    require_token_set,
    require_tokens,
)
from handler.xgraad.learned.strict_json import first_fault, one_line_numbers
from handler.xgraad.learned.trusted_model import TrustedModel, folder_beside
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.scoring.gate import GateStatistics
from handler.xgraad.scoring.thresholds import LengthConditionalThreshold, PaperThreshold
from handler.xgraad.verification.evidence import VerificationThresholds
from handler.xgraad.verification.label_evidence import LabelEvidence
from handler.xgraad.verification.probes import Probe
from handler.xgraad.verification.transplant import Transplant
from handler.xgraad.words.token_set import TokenSet
from handler.xgraad.words.windows import WindowPlan
from handler.xgraad.words.word_set import WordSet

FORMAT: Final = "xgraad-calibration-9"
OLDER_FORMAT = re.compile(r'^\{\s*"format": "(xgraad-calibration-[0-8])"')
SEVERAL_LABELS = re.compile(r'^\{\s*"format": "xgraad-labels-calibration-')
"""Begins the calibration of a model that may give a text several labels."""
ORIGIN: Final = r"^[A-Za-z0-9._/-]+@[0-9a-f]{40}$"
LONGEST_ORIGIN: Final = 200
MIN_TEXTS = 20
"""Below this the trend over length means nothing, whatever the wanted rate."""


class Calibration(Frozen):
    """Everything that was learned from clean texts, valid for one fingerprint."""

    format: Literal["xgraad-calibration-9"] = FORMAT
    fingerprint: Fingerprint
    origin: Annotated[str, Field(pattern=ORIGIN, max_length=LONGEST_ORIGIN)] | None = None
    """Where the checkpoint came from, NAME@COMMIT on the hub, as whoever calibrated it says; None for a folder."""
    max_fpr: Annotated[float, Field(gt=0, lt=1)]
    """Share of clean texts that may be flagged."""
    n_texts: Annotated[int, Field(ge=MIN_TEXTS)]
    n_truncated: Annotated[int, Field(ge=0)]
    paper: PaperThreshold
    conformal: LengthConditionalThreshold
    gate: GateStatistics
    probes: tuple[tuple[Probe, ...], ...]
    """For each label, clean texts that carry the transplant test, as token ids."""
    untested: tuple[Annotated[int, Field(ge=0)], ...]
    """The labels that these cannot test, as the operator said by name; ascending."""
    short: tuple[Probe | None, ...]
    """For each label a short clean text that new words are tried on."""
    verification: VerificationThresholds
    known_words: WordSet
    """The words of the clean texts."""
    inert: TokenSet = TokenSet()
    """Tokens that are a word each and turn none of the texts of `short`."""
    labels: LabelEvidence
    """What people's labels say of them."""
    reference: TrustedModel | None = None
    """The trusted model that lies beside this file, where there is one."""
    drift: DriftStatistics | None = None
    """What windows of live texts are held against; None where the clean texts were too few, or this file is older."""
    domain_gates: tuple[GateStatistics, ...] = ()
    """One for each domain of `drift`, where these are several; `gate` is that of all clean texts."""
    windows: WindowPlan | None = None
    """How long texts are looked at; what was learned is then of one window of each text. None: of their beginnings."""

    def load_classifier(self, folder: Path, *, device: str) -> Classifier:
        """The checkpoint that this was made for, in the window and precision it was made with.

        Raises:
            CheckpointError: the folder is unsafe, incomplete, unsupported, or fails its self-test.
            CalibrationError: this was made for something else, or its parts do not fit the model.
        """
        classifier = calibrated_classifier(folder, self.fingerprint, device=device)
        self.require_fit(ModelShape.of(classifier))
        return classifier

    def load_trusted(self, path: Path, *, device: str) -> Transplant | None:
        """The trusted model beside this file, which was read from `path`; None where it has none.

        Raises:
            CheckpointError, CalibrationError: see `TrustedModel.load`.
        """
        return self.reference.load(folder_beside(path), device=device) if self.reference else None

    def require_fit(self, shape: ModelShape) -> None:
        """Refuse to go on with parts that are not of such a model, or do not fit one another.

        Raises:
            CalibrationError: names the part, what it must have, and what it has.
        """
        tied, trusted = self.labels, self.reference
        of_labels: dict[str, Sized] = {"probes": self.probes, "short": self.short}
        of_labels |= {f"verification.{name}": strengths for name, strengths in self.verification}
        of_labels |= {"labels.words": tied.words, "labels.pieces": tied.pieces} if tied.words or tied.pieces else {}
        of_labels |= {"reference.probes": trusted.probes} if trusted else {}
        of_texts: dict[str, Sized] = {
            "paper.scores": self.paper.scores,
            "conformal.residuals": self.conformal.residuals,
        }
        require_entries(of_labels, shape.n_labels, "labels")
        require_entries(of_texts, self.n_texts, "texts")
        require_gate("gate", self.gate, shape, n_texts=self.n_texts)
        require_domains(self.drift, self.domain_gates, shape)
        if self.windows:
            require_plan(self.windows, self.fingerprint)
            require_enough(self.windows, max_fpr=self.max_fpr, n_texts=self.n_texts)
        require_tokens("probes", chain(*self.probes), shape.n_tokens)
        require_tokens("short", filter(None, self.short), shape.n_tokens)
        require_token_set("inert", self.inert, shape.n_tokens)
        require_testable(self.probes, self.untested)

    def to_json(self) -> str:
        """Strict JSON (no NaN), keys in a fixed order, lists of numbers on one line."""
        return one_line_numbers(self.model_dump())

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """Read what `to_json` wrote.

        Raises:
            CalibrationError: no JSON, or a field is missing, unknown, ill-typed or out of range.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            if older := OLDER_FORMAT.search(text):
                rule = f"is of the older format {older[1]}, and {FORMAT} is read"
                raise CalibrationError(f"{CALIBRATION_FILE}: format: {rule}; make it with scripts.calibrate") from error
            if SEVERAL_LABELS.search(text):
                rule = "is that of a model with several labels for a text, and one of a single label is needed here"
                raise CalibrationError(f"{CALIBRATION_FILE}: format: {rule}") from error
            raise CalibrationError(
                f"{CALIBRATION_FILE}: {first_fault(error)}; make it with scripts.calibrate"
            ) from error

    @classmethod
    def read(cls, path: Path) -> "Calibration":
        """Read a file.

        Raises:
            CalibrationError: it is missing or not a calibration.
        """
        return cls.from_json(calibration_text(path))


def calibrated_classifier(
    folder: Path, made_for: Fingerprint, *, device: str, several_labels: bool = False
) -> Classifier:
    """The checkpoint, in the window and precision that a calibration was made with.

    Raises:
        CheckpointError: the folder is unsafe, incomplete, unsupported, or fails its self-test.
        CalibrationError: it is not the one that the calibration was made for.
    """
    conditions = made_for.conditions()
    checkpoint = Checkpoint.open(folder, several_labels=several_labels)
    classifier = Classifier.of(checkpoint, device=device, **conditions)
    made_for.require(checkpoint.fingerprint(**conditions))
    return classifier


def calibration_text(path: Path) -> str:
    """What a calibration file holds.

    Raises:
        CalibrationError: it is missing, or no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise CalibrationError(f"{path.name}: missing; make it with scripts.calibrate") from None
    except UnicodeDecodeError as error:
        raise CalibrationError(f"{path.name}: is not UTF-8") from error
