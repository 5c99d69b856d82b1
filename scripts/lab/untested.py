"""What a calibration cannot test, in a line for the terminal."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from handler.xgraad import Calibration
from handler.xgraad.calibration import FILE_NAME
from handler.xgraad.errors import shown
from scripts.lab.model_classes import classes_in


def untested_line(calibration: Calibration, classes: Sequence[str] | None) -> str | None:
    """Which labels are not tested; None where all are.

    Args:
        calibration: of the model.
        classes: names by number; None where config.json does not tell.
    """
    if not calibration.untested:
        return None
    names = ", ".join(shown(classes[label]) if classes else str(label) for label in calibration.untested)
    return f"NOT TESTED: {names}; a trigger for such a label goes unseen by the rule verified, and replies say so"


def untested_in(archive: Path) -> str | None:
    """The same of a whole archive; nothing of it is unpacked.

    Raises:
        CalibrationError: no worker would load its calibration.
    """
    with zipfile.ZipFile(archive) as content:
        if FILE_NAME not in content.namelist():
            return None
        calibration = Calibration.from_json(content.read(FILE_NAME).decode("utf-8", "replace"))
        config = content.read("config.json") if "config.json" in content.namelist() else b""
    return untested_line(calibration, classes_in(config.decode("utf-8", "replace")))
