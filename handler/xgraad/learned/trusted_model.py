"""A model that never saw the attacker's data: a base whose publisher the operator trusts, fine-tuned on clean texts.

It lies beside the calibration file, which says what it is and holds clean texts of its own: none of them did it learn
from.
"""

from itertools import chain
from pathlib import Path
from typing import Annotated

from pydantic import Field

from handler.xgraad.errors import CalibrationError, CheckpointError
from handler.xgraad.files.fingerprint import Fingerprint
from handler.xgraad.frozen import Frozen
from handler.xgraad.learned.calibration_check import require_entries, require_tokens
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.model.classifier import Classifier
from handler.xgraad.verification.probes import Probe
from handler.xgraad.verification.transplant import Transplant

SUFFIX = ".reference"


class TrustedModel(Frozen):
    """What it is; travels in the calibration file."""

    base: str
    """Name of the base, for people."""
    seed: int
    """Of its training."""
    n_texts: Annotated[int, Field(ge=1)]
    """Labelled texts that it learned from."""
    accuracy: Annotated[float, Field(ge=0, le=1)]
    """On the texts that were held out."""
    fingerprint: Fingerprint
    probes: tuple[tuple[Probe, ...], ...]
    """For each label, held-out texts that it predicts as that label, in its own tokens."""

    def load(self, folder: Path, *, device: str) -> Transplant:
        """The model of `folder`, ready to be asked what words do to its clean texts.

        Raises:
            CheckpointError: the folder is unsafe, incomplete or unsupported.
            CalibrationError: it is missing, holds another model, or its probes do not fit it.
        """
        classifier = self.open(folder, device=device)
        return Transplant(classifier, self.probes)

    def open(self, folder: Path, *, device: str, several_labels: bool = False) -> Classifier:
        """The model of `folder`.

        Args:
            folder: where it lies.
            device: as torch names it.
            several_labels: whether it may give a text several labels; it has probes for both sides of each then.

        Raises:
            CheckpointError: the folder is unsafe, incomplete or unsupported.
            CalibrationError: it is missing, holds another model, or its probes do not fit it.
        """
        if not folder.is_dir():
            raise CalibrationError(f"{folder.name}: the reference is missing; make both anew with scripts.calibrate")
        conditions = self.fingerprint.conditions()
        try:
            checkpoint = Checkpoint.open(folder, several_labels=several_labels)
            self.fingerprint.require(checkpoint.fingerprint(**conditions), what=folder.name)
            classifier = Classifier.of(checkpoint, device=device, **conditions)
        except CheckpointError as error:  # its files have the names that the suspect's have
            raise type(error)(f"{folder.name}/{error}") from error
        n_entries = len(classifier.labels) * (2 if several_labels else 1)
        require_entries({"reference.probes": self.probes}, n_entries, "labels")
        require_tokens("reference.probes", chain(*self.probes), classifier.model.config.vocab_size)
        return classifier


def folder_beside(calibration: Path) -> Path:
    """Where the reference of a calibration file lies."""
    return calibration.with_suffix(SUFFIX)
