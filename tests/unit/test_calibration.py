"""Calibrations travel as strict JSON; whatever is wrong with one is named."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from handler.xgraad import Calibration, Defense
from handler.xgraad.errors import CalibrationError
from handler.xgraad.learned.calibration_check import ModelShape
from tests.conftest import CLEAN_TEXTS


def document(calibration: Calibration) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(calibration.to_json())
    return content


def test_round_trip(calibration: Calibration, tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text(calibration.to_json())
    again = Calibration.read(tmp_path / "calibration.json")
    assert again == calibration
    assert again.to_json() == calibration.to_json()
    assert Calibration.from_json(calibration.to_json()) == calibration


def test_it_holds_probes_and_no_text(calibration: Calibration) -> None:
    assert any(calibration.probes)
    assert not [text for text in CLEAN_TEXTS if text in calibration.to_json()]


@pytest.mark.parametrize(
    ("probe", "where"),
    [
        ("a text", "probes.0.0"),
        ({"words": [], "opening": [], "closing": []}, "probes.0.0.words"),
        ({"words": [[-1]], "opening": [], "closing": []}, "probes.0.0.words.0.0"),
        ({"words": [[1.5]], "opening": [], "closing": []}, "probes.0.0.words.0.0"),
        ({"words": [[1]], "opening": [], "closing": [], "text": ""}, "probes.0.0.text"),
    ],
)
def test_what_is_no_probe_is_refused(calibration: Calibration, probe: Any, where: str) -> None:
    with pytest.raises(CalibrationError, match=rf"calibration\.json: {where}: "):
        Calibration.from_json(json.dumps(document(calibration) | {"probes": [[probe]]}))


def test_it_is_frozen(calibration: Calibration) -> None:
    with pytest.raises(ValueError, match="frozen"):
        calibration.max_fpr = 0.5  # type: ignore[misc]


NAN = math.nan
MISSING = object()


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("surprise", 1, "surprise"),
        ("conformal.surprise", 1, "conformal.surprise"),
        ("fingerprint.surprise", "x", "fingerprint.surprise"),
        ("max_fpr", "0.05", "max_fpr"),
        ("max_fpr", 0.0, "max_fpr"),
        ("max_fpr", 1.0, "max_fpr"),
        ("max_fpr", NAN, "max_fpr"),
        ("n_texts", 999.5, "n_texts"),
        ("n_texts", True, "n_texts"),
        ("n_texts", 3, "n_texts"),
        ("n_truncated", -1, "n_truncated"),
        ("paper.threshold", NAN, "paper.threshold"),
        ("paper.threshold", math.inf, "paper.threshold"),
        ("paper.percentile", 101.0, "paper.percentile"),
        ("paper.scores", [1.0, NAN], "paper.scores.1"),
        ("paper.scores", 3, "paper.scores"),
        ("conformal.offset", None, "conformal.offset"),
        ("conformal.slope", MISSING, "conformal.slope"),
        ("fingerprint", MISSING, "fingerprint"),
        ("fingerprint.max_length", "64", "fingerprint.max_length"),
        ("format", "xgraad-calibration-0", "format"),
        ("format", "xgraad-calibration-8", "format"),
        ("untested", MISSING, "untested"),
        ("untested", [-1], "untested.0"),
        ("untested", None, "untested"),
        ("verification.single", 0.75, "verification.single"),
        ("verification.jointly", [0.75], "verification.jointly"),
        ("short", MISSING, "short"),
        ("short", [[1, 2], None], "short.0"),
        ("short", [None, {"words": [[7]], "opening": [7]}], "short.1.closing"),
        ("inert", {"bits": "A"}, "inert.bits"),
        ("inert", None, "inert"),
        ("labels", MISSING, "labels"),
        ("labels.words", "plot", "labels.words"),
        ("labels.surprise", 1, "labels.surprise"),
        ("gate.margins", MISSING, "gate.margins"),
        ("reference", "bert", "reference"),
        ("reference", {"base": "toy"}, "reference.seed"),
    ],
)
def test_a_wrong_field_is_named(calibration: Calibration, path: str, value: Any, where: str) -> None:
    content = document(calibration)
    *outer, last = path.split(".")
    inner = content
    for name in outer:
        inner = inner[name]
    inner[last] = value
    if value is MISSING:
        del inner[last]
    with pytest.raises(CalibrationError, match=rf"calibration\.json: {where}: .*; make it with scripts\.calibrate"):
        Calibration.from_json(json.dumps(content))


SHAPE = ModelShape(n_labels=2, n_tokens=99, n_layers=2, width=32)
WORD: dict[str, Any] = {"words": [[7]], "opening": [7], "closing": []}


@pytest.mark.parametrize(
    ("path", "value", "rule"),
    [
        ("short", [], "short must have an entry for each of the 2 labels, has 0"),
        ("short", [None] * 3, "short must have an entry for each of the 2 labels, has 3"),
        ("probes", [[WORD]], "probes must have an entry for each of the 2 labels, has 1"),
        ("verification.single", [0.5], "verification.single must have an entry for each of the 2 labels, has 1"),
        ("verification.together", [], "verification.together must have an entry for each of the 2 labels, has 0"),
        ("gate.margins", [[1.0]], "gate.margins must have an entry for each of the 2 labels, has 1"),
        ("probes", [[], [WORD | {"words": [[99]]}]], "probes: tokens must be below 99, .*, one is 99"),
        ("probes", [[WORD | {"opening": [100]}], []], "probes: tokens must be below 99, .*, one is 100"),
        ("short", [WORD | {"closing": [99]}, None], "short: tokens must be below 99, .*, one is 99"),
        ("inert", {"bits": "AAAA" * 5}, "inert must be at most 13 bytes, a bit for each token, is 15"),
    ],
)
def test_what_does_not_fit_the_model_is_named(calibration: Calibration, path: str, value: Any, rule: str) -> None:
    """A text would fail on it, long after the model was loaded."""
    content = document(calibration) | {"probes": [[WORD] * 8] * 2, "short": [WORD, None]}
    Calibration.from_json(json.dumps(content)).require_fit(SHAPE)
    *outer, last = path.split(".")
    (content[outer[0]] if outer else content)[last] = value
    with pytest.raises(CalibrationError, match=rf"^calibration\.json: {rule}; make it with scripts\.calibrate$"):
        Calibration.from_json(json.dumps(content)).require_fit(SHAPE)


def test_what_does_not_fit_the_model_is_not_loaded(calibration: Calibration, damaged: Path) -> None:
    path = damaged / "calibration.json"
    path.write_text(calibration.model_copy(update={"short": ()}).to_json())
    with pytest.raises(CalibrationError, match="short must have an entry for each of the 2 labels, has 0"):
        Defense.load(damaged)
    path.write_text(calibration.to_json())
    Defense.load(damaged)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "NaN", "[" * 100_000, "\x00"])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises(CalibrationError, match=r"calibration\.json: "):
        Calibration.from_json(text)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"clean\.json: missing; make it with scripts\.calibrate"):
        Calibration.read(tmp_path / "clean.json")
    (tmp_path / "clean.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CalibrationError, match=r"clean\.json: is not UTF-8"):
        Calibration.read(tmp_path / "clean.json")
