"""Half precision changes scores a little, calibrations belong to one precision, and a worker refuses another."""

from pathlib import Path

import pytest
import torch

from handler.settings import Settings
from handler.xgraad import Classifier, Defense, score_encodings
from handler.xgraad.errors import CalibrationError, FingerprintError
from handler.xgraad.files.dtypes import DTYPES
from handler.xgraad.files.precision import Precision
from scripts import calibrate
from tests.conftest import CLEAN_TEXTS
from tests.samples import copy_of
from tests.toys import SENTENCES


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_scores_are_near_those_of_float32(bert: Classifier, bert_folder: Path, precision: Precision) -> None:
    half = Classifier.load(bert_folder, max_length=64, precision=precision)
    assert {parameter.dtype for parameter in half.model.parameters()} == {DTYPES[precision]}
    encodings = bert.encode(SENTENCES)
    exact, rounded = score_encodings(bert, encodings), score_encodings(half, encodings)
    for one, other in zip(exact, rounded, strict=True):
        assert one.anomaly_score == pytest.approx(other.anomaly_score, rel=0.2, abs=0.05)
        assert one.anomaly_score != other.anomaly_score
    assert all(look.logits.dtype == look.decision.dtype == torch.float32 for look in half.look(encodings))


def test_a_calibration_is_served_in_its_own_precision(bert_folder: Path, tmp_path: Path) -> None:
    folder = copy_of(bert_folder, tmp_path / "checkpoint")
    data = tmp_path / "clean.tsv"
    data.write_text("".join(f"{text}\t0\n" for text in CLEAN_TEXTS))
    command = ["--checkpoint", str(folder), "--data", str(data), "--out", str(folder / "calibration.json")]
    assert calibrate.main([*command, "--max-fpr", "0.1", "--max-length", "64", "--precision", "bfloat16"]) == 0
    defense = Defense.load(folder)
    assert defense.calibration.fingerprint.precision == "bfloat16"
    assert defense.classifier.model.dtype == torch.bfloat16
    assert Settings(precision="bfloat16").load_defense(str(folder), device="cpu")(["a film"])
    with pytest.raises(FingerprintError, match="precision: calibrated bfloat16, now float32"):
        Settings().load_defense(str(folder), device="cpu")


def test_an_unknown_precision_is_no_calibration(damaged: Path) -> None:
    path = damaged / "calibration.json"
    path.write_text(path.read_text().replace('"precision": "float32"', '"precision": "float8"'))
    with pytest.raises(CalibrationError, match=r"fingerprint\.precision: Input should be 'float32', 'bfloat16' or"):
        Defense.load(damaged)
