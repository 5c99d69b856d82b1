"""What a calibration is valid for: change any of it and the scores mean something else."""

import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, TypedDict

from handler.xgraad.errors import FingerprintError
from handler.xgraad.files.architectures import tokenizer_files
from handler.xgraad.files.precision import DEFAULT_PRECISION, Precision
from handler.xgraad.files.weight_files import weight_files
from handler.xgraad.frozen import Frozen

SCORER_VERSION = 2
"""Raised whenever the same checkpoint and text would get another score."""

CALIBRATION_FILE = "calibration.json"
"""What was learned of a checkpoint, beside it or packed with it; holds its fingerprint."""


class Conditions(TypedDict):
    """How a model is run: what a classifier is loaded with, and a fingerprint holds of it."""

    max_length: int
    precision: Precision
    takes_pairs: bool
    """Whether every text is a pair of texts."""


class Fingerprint(Frozen):
    """Hashes are SHA-256 in hexadecimal; library versions count up to the minor number."""

    weights: str
    config: str
    tokenizer: str
    max_length: int
    precision: Precision
    takes_pairs: bool = False
    """Whether every text is a pair of texts."""
    scorer: int
    torch: str
    transformers: str

    def conditions(self) -> "Conditions":
        """How the model is run."""
        return Conditions(max_length=self.max_length, precision=self.precision, takes_pairs=self.takes_pairs)

    def differing(self, actual: "Fingerprint") -> list[str]:
        """Names of the fields in which `actual` is something else, in their order."""
        return [name for name, value in self if value != getattr(actual, name)]

    def require(self, actual: "Fingerprint", *, what: str = CALIBRATION_FILE) -> None:
        """Refuse to go on unless `actual`, what is to be served, equals this, what was calibrated.

        Args:
            actual: of the files at hand.
            what: the file or folder that is to be refused.

        Raises:
            FingerprintError: names every field that differs, with both values.
        """
        differing = self.differing(actual)
        if differing:
            pairs = ((name, getattr(self, name), getattr(actual, name)) for name in differing)
            details = "; ".join(f"{name}: calibrated {expected}, now {found}" for name, expected, found in pairs)
            raise FingerprintError(
                f"{what} was made for something else: {details}. Run scripts.calibrate for this checkpoint"
            )


class FileHashes(NamedTuple):
    """Of the files of one checkpoint."""

    weights: str
    config: str
    tokenizer: str


def fingerprint(
    folder: Path, *, max_length: int, precision: Precision = DEFAULT_PRECISION, takes_pairs: bool = False
) -> Fingerprint:
    """The fingerprint of the checkpoint in `folder`, read from its files, at this window, precision and task."""
    return fingerprint_of(hash_files(folder), max_length=max_length, precision=precision, takes_pairs=takes_pairs)


def fingerprint_of(
    hashes: FileHashes, *, max_length: int, precision: Precision, takes_pairs: bool = False
) -> Fingerprint:
    """The same of files that were read before."""
    return Fingerprint(
        **hashes._asdict(),
        max_length=max_length,
        precision=precision,
        takes_pairs=takes_pairs,
        scorer=SCORER_VERSION,
        torch=_minor("torch"),
        transformers=_minor("transformers"),
    )


def hash_files(folder: Path) -> FileHashes:
    """Read every file of a checkpoint that decides about scores."""
    tokenizer = [folder / name for name in tokenizer_files() if (folder / name).exists()]
    return FileHashes(weights=hash_weights(folder), config=_hash([folder / "config.json"]), tokenizer=_hash(tokenizer))


def hash_weights(folder: Path) -> str:
    """What tells one model from another: the field `weights` of the fingerprint."""
    return _hash(weight_files(folder))


def _hash(paths: list[Path]) -> str:
    """One hash over names and contents."""
    total = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            total.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _minor(package: str) -> str:
    return ".".join(version(package).split("+")[0].split(".")[:2])
