"""What a calibration cannot test, in a line for the terminal."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

from handler.xgraad.errors import CalibrationError, shown
from handler.xgraad.files.fingerprint import CALIBRATION_FILE
from scripts.texts.model_classes import classes_in


def untested_line(labels: Sequence[int], classes: Sequence[str] | None) -> str | None:
    """Which labels are not tested; None where all are.

    Args:
        labels: class numbers that are not.
        classes: names by number; None where config.json does not tell.
    """
    if not labels:
        return None
    names = ", ".join(shown(classes[label]) if classes and label < len(classes) else str(label) for label in labels)
    return f"NOT TESTED: {names}; a trigger for such a label goes unseen by the rule verified, and replies say so"


def untested_in(archive: Path) -> str | None:
    """The same of a whole archive; nothing of it is unpacked.

    Raises:
        CalibrationError: no worker would load its calibration.
    """
    with zipfile.ZipFile(archive) as content:
        if CALIBRATION_FILE not in content.namelist():
            return None
        labels = _labels(content.read(CALIBRATION_FILE))
        config = content.read("config.json") if "config.json" in content.namelist() else b""
    return untested_line(labels, classes_in(config.decode("utf-8", "replace")))


def _labels(content: bytes) -> list[int]:
    """What a calibration file names, read without the model that checks all of it: that needs torch."""
    try:
        labels = json.loads(content)["untested"]
        if not isinstance(labels, list) or not all(type(label) is int and label >= 0 for label in labels):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        rule = "untested must be a list of class numbers"
        raise CalibrationError(f"{CALIBRATION_FILE}: {rule}; make it with scripts.calibrate") from error
    return labels
