"""A calibration for windows: one drawn window stands for each text, and what does not fit is refused."""

import json
from pathlib import Path

import pytest

from handler.xgraad import Calibration, Calibrator, Classifier
from handler.xgraad.errors import CalibrationError, TooFewTextsError
from handler.xgraad.learned.calibration_check import ModelShape
from handler.xgraad.learned.enough_texts import require_texts
from handler.xgraad.words.long_text import drawn_window, encode_long
from handler.xgraad.words.text import split_words
from handler.xgraad.words.windows import WindowPlan
from scripts import calibrate
from scripts.console.command import Exit
from tests.conftest import CLEAN_TEXTS
from tests.samples import FINGERPRINT

PLAN = WindowPlan(stride=8, max_windows=4)


@pytest.fixture(scope="module")
def windowed(windowed_folder: Path) -> Calibration:
    return Calibration.read(windowed_folder / "calibration.json")


@pytest.fixture(scope="module")
def short(windowed_folder: Path) -> Classifier:
    return Classifier.load(windowed_folder, max_length=32)


def test_it_says_how_long_texts_are_looked_at(windowed: Calibration) -> None:
    assert windowed.windows == PLAN
    assert windowed.n_texts == len(windowed.gate.fisher) == len(CLEAN_TEXTS)
    assert windowed.n_truncated == 0
    assert Calibration.from_json(windowed.to_json()) == windowed


def test_a_drawn_window_stands_for_each_text(short: Classifier) -> None:
    calibrator = Calibrator(short, FINGERPRINT.model_copy(update={"max_length": 32}), PLAN).update(CLEAN_TEXTS)
    drawn = [drawn_window(each).text for each in encode_long(CLEAN_TEXTS, short.encode, PLAN)]
    assert calibrator._texts == drawn
    assert any(not text.startswith(window) for text, window in zip(CLEAN_TEXTS, drawn, strict=True))


def test_it_knows_the_words_of_whole_texts(windowed: Calibration) -> None:
    is_new = windowed.known_words.lacking()
    assert not any(is_new(word.key) for text in CLEAN_TEXTS for word in split_words(text))
    assert is_new("cf")


def test_a_file_of_before_is_read(windowed: Calibration) -> None:
    document = json.loads(windowed.to_json())
    del document["windows"]
    assert Calibration.from_json(json.dumps(document)).windows is None


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"stride": 17}, "windows: --stride must be at most 16, half of --max-length, is 17"),
        ({"max_windows": 8}, r"windows\.max_windows 8 needs 79 clean texts at max_fpr 0\.1, and n_texts is 64"),
    ],
)
def test_windows_that_do_not_fit_are_refused(
    windowed: Calibration, short: Classifier, changed: dict[str, int], rule: str
) -> None:
    plan = PLAN.model_copy(update=changed)
    windowed.require_fit(ModelShape.of(short))
    with pytest.raises(CalibrationError, match=rule):
        windowed.model_copy(update={"windows": plan}).require_fit(ModelShape.of(short))


def test_pairs_have_no_windows(bert: Classifier) -> None:
    with pytest.raises(CalibrationError, match="windows: are for single texts, and these are pairs"):
        Calibrator(bert, FINGERPRINT.model_copy(update={"takes_pairs": True}), PLAN)


def test_more_windows_need_more_texts() -> None:
    require_texts(CLEAN_TEXTS, 0.1)
    with pytest.raises(TooFewTextsError, match=r"max_fpr 0\.1 of texts of 8 windows needs at least 79 clean texts"):
        require_texts(CLEAN_TEXTS, 0.1, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--stride", "4"], "--stride is for --windows"),
        (["--max-windows", "4"], "--max-windows is for --windows"),
        (["--windows", "--domains", "2"], "--windows knows no domains"),
        (["--windows", "--max-windows", "65"], "--max-windows must be from 2 to 64, is 65"),
        (["--windows", "--max-windows", "1"], "--max-windows must be from 2 to 64, is 1"),
    ],
)
def test_the_command_names_what_is_wrong(
    windowed_folder: Path, tmp_path: Path, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "clean.txt"
    data.write_text("".join(f"{text}\n" for text in CLEAN_TEXTS))
    paths = ["--checkpoint", str(windowed_folder), "--data", str(data), "--out", str(tmp_path / "out.json")]
    assert calibrate.main([*paths, *options]) != Exit.DONE
    assert message in capsys.readouterr().err


def test_the_command_calibrates_for_windows(
    windowed_folder: Path, tmp_path: Path, windowed: Calibration, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = tmp_path / "clean.txt", tmp_path / "out.json"
    data.write_text("".join(f"{text}\n" for text in CLEAN_TEXTS))
    paths = ["--checkpoint", str(windowed_folder), "--data", str(data), "--out", str(out)]
    options = ["--max-length", "32", "--windows", "--max-windows", "4", "--max-fpr", "0.1"]
    assert calibrate.main([*paths, *options]) == Exit.DONE
    made = Calibration.read(out)
    assert made.windows == PLAN  # a quarter of the length
    assert made.gate == windowed.gate
    assert "a window of each, of 4 at most" in capsys.readouterr().out
