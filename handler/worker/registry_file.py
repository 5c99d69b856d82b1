"""Where the workers of a model keep the triggers that they remember together."""

import os
import re
from pathlib import Path

from handler import xgraad
from handler.settings import SECTION, Settings
from handler.xgraad.errors import CalibrationError, RegistryError, SettingsError
from handler.xgraad.files.fingerprint import CALIBRATION_FILE
from handler.xgraad.memory.registry import NoRegistry, TriggerRegistry
from handler.xgraad.memory.sqlite_registry import SqliteRegistry

WEIGHTS = re.compile(r"[0-9a-f]{64}")


def open_registry(settings: Settings, calibration: "xgraad.Calibration | xgraad.LabelsCalibration") -> TriggerRegistry:
    """The registry of the model that was calibrated, as the settings want it; the default place is made if need be.

    Raises:
        CalibrationError: the calibration does not tell which weights these are.
        SettingsError: the file cannot be made or used.
    """
    if not settings.registry or settings.rule != "verified":
        return NoRegistry()
    weights = calibration.fingerprint.weights
    if not WEIGHTS.fullmatch(weights):
        raise CalibrationError(f"{CALIBRATION_FILE}: fingerprint.weights must be 64 hexadecimal digits")
    try:
        path = Path(settings.registry_file) if settings.registry_file else make_default_file(weights)
        return SqliteRegistry(path, checkpoint=weights)
    except (OSError, RegistryError) as error:
        raise SettingsError(
            f"model-config.yaml: {SECTION}.registry_file: {error}; "
            f"set {SECTION}.registry_file to a file on a local disk that the server may write, or "
            f"{SECTION}.registry to false"
        ) from error


def default_file(weights: str) -> Path:
    """The file for a model whose weights have this hash, under `$XDG_STATE_HOME` or the user's home.

    Raises:
        RegistryError: there is no home.
    """
    base = os.environ.get("XDG_STATE_HOME", "")
    try:
        state = Path(base) if os.path.isabs(base) else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise RegistryError("the user that runs this has no home") from error
    return state / "xgraad" / f"{weights[:16]}.sqlite"


def make_default_file(weights: str) -> Path:
    """The same, in a folder that exists and that others cannot read."""
    path = default_file(weights)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
