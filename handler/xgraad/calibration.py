"""What was learned from clean texts: frozen, and strict JSON beside the checkpoint."""

import json
import re
from itertools import chain
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handler.xgraad.checkpoint import Checkpoint
from handler.xgraad.classifier import Classifier
from handler.xgraad.errors import CalibrationError
from handler.xgraad.fingerprint import Fingerprint
from handler.xgraad.gate import GateStatistics
from handler.xgraad.label_evidence import LabelEvidence
from handler.xgraad.probes import Probe
from handler.xgraad.strict_json import first_fault
from handler.xgraad.thresholds import LengthConditionalThreshold, PaperThreshold
from handler.xgraad.transplant import Transplant
from handler.xgraad.trusted_model import TrustedModel, folder_beside
from handler.xgraad.verification import VerificationThresholds
from handler.xgraad.word_set import WordSet

FILE_NAME = "calibration.json"
NUMBERS = re.compile(r"\[\n[\s\d.,eE+-]*\]")
"""A list of nothing but numbers, over several lines; no string of JSON holds a line break."""
MIN_TEXTS = 20
"""Below this the trend over length means nothing, whatever the wanted rate."""


class Calibration(BaseModel):
    """Everything that was learned from clean texts, valid for one fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    format: Literal["xgraad-calibration-8"] = "xgraad-calibration-8"
    fingerprint: Fingerprint
    max_fpr: Annotated[float, Field(gt=0, lt=1)]
    """Share of clean texts that may be flagged."""
    n_texts: Annotated[int, Field(ge=MIN_TEXTS)]
    n_truncated: Annotated[int, Field(ge=0)]
    paper: PaperThreshold
    conformal: LengthConditionalThreshold
    gate: GateStatistics
    probes: tuple[tuple[Probe, ...], ...]
    """For each label, clean texts that carry the transplant test, as token ids."""
    short: tuple[Probe | None, ...]
    """For each label a short clean text that new words are tried on."""
    verification: VerificationThresholds
    known_words: WordSet
    """The words of the clean texts."""
    labels: LabelEvidence
    """What people's labels say of them."""
    reference: TrustedModel | None = None
    """The trusted model that lies beside this file, where there is one."""

    def load_classifier(self, folder: Path, *, device: str) -> Classifier:
        """The checkpoint that this was made for, in the window and precision it was made with.

        Raises:
            CheckpointError: the folder is unsafe, incomplete, unsupported, or fails its self-test.
            CalibrationError: this was made for something else, or its parts do not fit the model.
        """
        max_length, precision = self.fingerprint.max_length, self.fingerprint.precision
        checkpoint = Checkpoint.open(folder)
        classifier = Classifier.of(checkpoint, device=device, max_length=max_length, precision=precision)
        self.fingerprint.require(checkpoint.fingerprint(max_length=max_length, precision=precision))
        self.require_fit(n_labels=len(classifier.labels), n_tokens=classifier.model.config.vocab_size)
        return classifier

    def load_trusted(self, path: Path, *, device: str) -> Transplant | None:
        """The trusted model beside this file, which was read from `path`; None where it has none.

        Raises:
            CheckpointError, CalibrationError: see `TrustedModel.load`.
        """
        return self.reference.load(folder_beside(path), device=device) if self.reference else None

    def require_fit(self, *, n_labels: int, n_tokens: int) -> None:
        """Refuse to go on with parts that are not of a model of so many labels and tokens: some text would fail.

        Raises:
            CalibrationError: names the part, what it must have, and what it has.
        """
        parts = {
            "gate.margins": self.gate.margins,
            "probes": self.probes,
            "short": self.short,
            "verification.single": self.verification.single,
            "verification.together": self.verification.together,
        }
        for name, part in parts.items():
            if len(part) != n_labels:
                rule = f"{name} must have an entry for each of the {n_labels} labels, has {len(part)}"
                raise CalibrationError(f"{FILE_NAME}: {rule}; make it with scripts.calibrate")
        for name, probes in {"probes": chain(*self.probes), "short": filter(None, self.short)}.items():
            highest = max((token for probe in probes for token in probe.all_tokens()), default=0)
            if highest >= n_tokens:
                rule = f"{name}: tokens must be below {n_tokens}, the size of the vocabulary, one is {highest}"
                raise CalibrationError(f"{FILE_NAME}: {rule}; make it with scripts.calibrate")

    def to_json(self) -> str:
        """Strict JSON (no NaN), keys in a fixed order, lists of numbers on one line."""
        text = json.dumps(self.model_dump(), indent=1, allow_nan=False)
        return NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """Read what `to_json` wrote.

        Raises:
            CalibrationError: no JSON, or a field is missing, unknown, ill-typed or out of range.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise CalibrationError(f"{FILE_NAME}: {first_fault(error)}; make it with scripts.calibrate") from error

    @classmethod
    def read(cls, path: Path) -> "Calibration":
        """Read a file.

        Raises:
            CalibrationError: it is missing or not a calibration.
        """
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            raise CalibrationError(f"{path.name}: missing; make it with scripts.calibrate") from None
        except UnicodeDecodeError as error:
            raise CalibrationError(f"{path.name}: is not UTF-8") from error
