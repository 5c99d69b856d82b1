"""What the options of a command give a defender."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from handler.xgraad import Calibration, LabelsCalibration
from handler.xgraad.files.fingerprint import Fingerprint
from scripts.console.errors import LabError
from scripts.lab.defenses import DEFENSES
from scripts.lab.defenses.base import Calibrate, Material
from scripts.texts.reading import ReadingOptions


def material_of(arguments: argparse.Namespace, fingerprint: Fingerprint, work: Path, calibrated: Calibrate) -> Material:
    """What the options give a defender."""
    return Material(
        checkpoint=arguments.checkpoint,
        calibration=arguments.calibration,
        calibrate=calibrated,
        work=work,
        clean=arguments.data,
        reading=ReadingOptions.from_arguments(arguments),
        trusted_base=arguments.trusted_base,
        language_model=arguments.language_model,
        more=arguments.texts,
        max_length=fingerprint.max_length,
        served_precision=fingerprint.precision,
        takes_pairs=fingerprint.takes_pairs,
        device=arguments.device,
        seed=arguments.seed,
        neutralizer=arguments.neutralizer,
        is_forgetful=arguments.no_registry,
        windows=arguments.windows,
        windows_label=arguments.windows_label,
    )


def refuse_windows(name: str) -> None:
    """Other judges than the project's rules look at what the model sees of a text at once."""
    if not (DEFENSES[name].judge or "").startswith("rules."):
        raise LabError(f"--windows is for the project's own rules, and the defense is {name}; leave it out")


def windows_told(arguments: argparse.Namespace, calibration: Calibration | LabelsCalibration) -> dict[str, Any]:
    """What a row says of the windows in which long texts were looked at; nothing where they were not."""
    plan = calibration.windows
    if arguments.windows == "off" or plan is None:
        return {}
    return {"windows": arguments.windows, "max_length": calibration.fingerprint.max_length, **plan.model_dump()}


@contextmanager
def work_folder(folder: Path | None) -> Iterator[Path]:
    """The folder, or one that is gone afterwards."""
    if folder:
        yield folder
        return
    with TemporaryDirectory() as made:
        yield Path(made)
