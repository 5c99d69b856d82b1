"""Records of repairs travel as strict JSON, are hostile until read, and bound to the weights that were made."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.describe import describe
from handler.settings import Settings
from handler.xgraad import Calibration, Defense
from handler.xgraad.errors import RepairRecordError
from handler.xgraad.learned.repair_record import MAX_BYTES, MAX_VERSIONS, REPAIR_FILE, RepairRecord

KNOWN = RepairRecord(
    method="agreement",
    seed=7,
    suspect="a" * 64,
    repaired="b" * 64,
    trusted_base="base",
    n_learned=80,
    n_held_out=20,
    accuracy_before=0.9,
    accuracy_after=0.85,
    n_changed=3,
    limits="mistakes of both stay",
    commit="c0ffee",
    dirty=False,
    versions={"torch": "2.13"},
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def a_record(repaired: str = KNOWN.repaired) -> RepairRecord:
    return KNOWN.model_copy(update={"repaired": repaired})


def test_round_trip(tmp_path: Path) -> None:
    assert RepairRecord.read(tmp_path) is None
    (tmp_path / REPAIR_FILE).write_text(KNOWN.to_json())
    assert RepairRecord.read(tmp_path) == KNOWN
    assert RepairRecord.from_json(KNOWN.to_json()).to_json() == KNOWN.to_json()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("surprise", 1),
        ("format", "xgraad-repair-0"),
        ("method", ""),
        ("method", "x" * 65),
        ("method", "two\nlines"),
        ("seed", "7"),
        ("suspect", "A" * 64),
        ("suspect", "a" * 64 + "\n"),
        ("repaired", "b" * 63),
        ("n_learned", -1),
        ("n_held_out", 0),
        ("accuracy_before", 1.01),
        ("accuracy_after", math.nan),
        ("n_changed", True),
        ("limits", "\x1b[2J"),
        ("limits", "x" * 301),
        ("versions", {f"p{number}": "1" for number in range(MAX_VERSIONS + 1)}),
        ("versions", {"torch": 2}),
    ],
)
def test_a_wrong_field_is_named_and_not_shown(field: str, value: object) -> None:
    with pytest.raises(RepairRecordError, match=rf"^repair\.json: {field}") as caught:
        RepairRecord.from_json(json.dumps(KNOWN.model_dump() | {field: value}))
    assert "scripts.repair_model" in str(caught.value)
    assert str(caught.value).isprintable()
    assert "[2J" not in str(caught.value)


@given(field=st.sampled_from(sorted(RepairRecord.model_fields)), value=VALUES)
def test_whatever_stands_in_a_field_is_read_strictly_or_refused(field: str, value: Any) -> None:
    text = json.dumps(KNOWN.model_dump() | {field: value})
    found, refusal = None, ""
    try:
        found = RepairRecord.from_json(text)
    except RepairRecordError as error:
        refusal = str(error)
    assert found is None or found.model_dump() == KNOWN.model_dump() | {field: value}
    assert (found is None) == bool(refusal)
    assert "\n" not in refusal


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "NaN", "[" * 100_000, "\x00"])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(RepairRecordError, match=r"^repair\.json: "):
        RepairRecord.from_json(text)


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / REPAIR_FILE
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RepairRecordError, match="is not UTF-8"):
        RepairRecord.read(tmp_path)
    path.write_text(KNOWN.to_json() + " " * MAX_BYTES)
    with pytest.raises(RepairRecordError, match=f"must be at most {MAX_BYTES} bytes"):
        RepairRecord.read(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(RepairRecordError, match="must be a file"):
        RepairRecord.read(tmp_path)


def test_the_description_says_what_was_repaired(damaged: Path) -> None:
    plain = Defense.load(damaged)
    assert describe(plain, Settings())["repair"] is None
    weights = Calibration.read(damaged / "calibration.json").fingerprint.weights
    (damaged / REPAIR_FILE).write_text(a_record(weights).to_json())
    told = describe(Defense.load(damaged), Settings())["repair"]
    assert (told["method"], told["suspect"], told["limits"]) == (KNOWN.method, KNOWN.suspect, KNOWN.limits)
    json.dumps(told, allow_nan=False)


def test_a_record_of_other_weights_is_refused(damaged: Path) -> None:
    (damaged / REPAIR_FILE).write_text(a_record().to_json())
    with pytest.raises(RepairRecordError, match="made for something else: weights differ"):
        Defense.load(damaged)
