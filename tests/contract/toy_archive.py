"""Builds the archive of a toy checkpoint, as the command does."""

from pathlib import Path

from scripts import build_archive


def build(checkpoint: Path, store: Path, *more: str, name: str = "toy") -> int:
    calibration = checkpoint / "calibration.json"
    paths = ["--checkpoint", str(checkpoint), "--calibration", str(calibration), "--model-store", str(store)]
    return build_archive.main(["--name", name, *paths, *more])
