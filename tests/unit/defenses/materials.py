"""What a defender has in tests: labelled texts in a file, and a classifier that a test chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.xgraad import Classifier
from scripts.lab.defenses.base import Material
from scripts.texts.corpora import Example, write_examples


@dataclass(frozen=True, kw_only=True)
class GivenMaterial(Material):
    """Material whose classifier is there already."""

    given: Classifier

    def classifier(self) -> Classifier:
        return self.given


def material_of(
    given: Classifier, checkpoint: Path, folder: Path, clean: Sequence[Example], **more: Any
) -> GivenMaterial:
    """Of clean texts, which are written to the folder; nothing is calibrated."""
    write_examples(folder / "clean.tsv", clean)

    def calibrate(_checkpoint: Path, _out: Path) -> None:
        raise AssertionError("this defense takes no calibration")

    return GivenMaterial(
        given=given,
        checkpoint=checkpoint,
        calibration=folder / "calibration.json",
        calibrate=calibrate,
        work=folder / "work",
        max_length=64,
        clean=folder / "clean.tsv",
        **more,
    )
