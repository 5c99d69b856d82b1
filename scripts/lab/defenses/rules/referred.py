"""The rule `verified` with a reference: a base that is trusted, fine-tuned on the clean texts of the calibration."""

from handler.xgraad import Calibration
from scripts.console.errors import LabError
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.rules.verified import Verified


class Referred(Verified):
    """Judges as `Verified` does, and insists on a reference."""

    def __init__(self, material: Material) -> None:
        if Calibration.read(material.calibrated()).reference is None:
            cure = "calibrate with --trusted-base, or choose verified"
            raise LabError(f"{material.calibration}: has no reference, which the defense referred needs; {cure}")
        super().__init__(material)
