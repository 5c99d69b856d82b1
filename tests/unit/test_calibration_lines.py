"""Whoever calibrates reads what was fitted, and what is not tested or watched."""

from pathlib import Path
from types import SimpleNamespace

from handler.xgraad import Calibration
from handler.xgraad.multilabel.labels_calibration import LabelsCalibration
from scripts.packing.calibration_lines import lines_of
from tests.several import NAMES

UNWATCHED = "drift: not watched, which takes 200 texts"


def test_the_rules_their_texts_and_the_reference_are_told(bert_folder: Path) -> None:
    calibration = Calibration.read(bert_folder / "calibration.json")
    lines = [*lines_of(calibration, ("bad", "good"))]
    starts = ["rule paper: ", "rule conformal: at most 0.1 ", "rule verified: ", "screen: "]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=False)] == starts
    assert lines[4:6] == [f"{calibration.n_texts} texts, {calibration.n_truncated} of them truncated", UNWATCHED]
    assert lines[6:] == ["reference: the labels of these texts; --trusted-base gives a stronger one"]


def test_labels_without_a_test_windows_and_a_trusted_base_are_told(windowed_folder: Path) -> None:
    calibration = Calibration.read(windowed_folder / "calibration.json")
    trusted = SimpleNamespace(base="some/base", n_texts=50, accuracy=0.9)
    lines = [*lines_of(calibration.model_copy(update={"untested": (1,), "reference": trusted}), ("bad", "good"))]
    assert " texts (a window of each, of 4 at most), " in lines[4]
    assert lines[6].startswith("NOT TESTED: 'good'; ")
    assert lines[7] == "reference: some/base, fine-tuned on 50 of these texts, accuracy 0.900 on the others"


def test_each_of_several_labels_is_told_by_name(several_folder: Path) -> None:
    calibration = LabelsCalibration.read(several_folder / "calibration.json")
    first, *lines = lines_of(calibration, NAMES)
    assert first == "a text has a label above 0.5; each label is calibrated by itself"
    assert [line.partition(": ")[0] for line in lines[: len(NAMES)]] == [*NAMES]
