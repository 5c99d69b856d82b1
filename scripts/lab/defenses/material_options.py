"""What the options of a command give a defender."""

import argparse
from pathlib import Path

from handler.xgraad.files.fingerprint import Fingerprint
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
    )
