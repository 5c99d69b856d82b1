"""The document is the scan, strictly: what is written is read again, and anything else is refused in one line."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from scripts.admission.report.scan_json import (
    MAX_BYTES,
    read_scan,
    scan_from_json,
    scan_schema,
    scan_to_json,
    write_scan,
)
from scripts.admission.scan import Scan, Status
from scripts.console.errors import LabError
from tests.unit.admission.scans import ADMITTED, INCONCLUSIVE, REFUSED, WAIVED, a_check, a_scan, scans


def document(scan: Scan = REFUSED, **changes: Any) -> str:
    return json.dumps(json.loads(scan_to_json(scan)) | changes)


@pytest.mark.parametrize("scan", [ADMITTED, REFUSED, INCONCLUSIVE, WAIVED])
def test_round_trip(scan: Scan, tmp_path: Path) -> None:
    path = tmp_path / "new" / "scan.json"
    write_scan(path, scan)
    assert read_scan(path) == scan
    assert path.read_text() == scan_to_json(scan)


@settings(max_examples=50, deadline=None)
@given(scan=scans())
def test_any_scan_comes_back(scan: Scan) -> None:
    assert scan_from_json(scan_to_json(scan)) == scan


@settings(max_examples=20, deadline=None)
@given(scan=scans())
def test_the_schema_describes_it(scan: Scan) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(scan_schema())
    check = jsonschema.Draft202012Validator(scan_schema())
    written = json.loads(scan_to_json(scan))
    assert not list(check.iter_errors(written))
    assert list(check.iter_errors(written | {"format": "xgraad-scan-0"}))
    assert list(check.iter_errors(written | {"more": 1}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"format": "xgraad-scan-0"}, "format: "),
        ({"verdict": "maybe"}, "verdict: "),
        ({"n_texts": "200"}, "n_texts: "),
        ({"more": 1}, "more: "),
        ({"checks": [{"check": "words"}]}, "checks.0.looked_for: "),
        ({"verdict": "admitted"}, "verdict: must be refused, as its checks say, is admitted"),
        ({"checks": []}, "verdict: must be admitted, as its checks say, is refused"),
    ],
)
def test_what_is_no_scan_is_refused(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    path.write_text(document(**changes))
    with pytest.raises(LabError) as refused:
        read_scan(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: {told}")
    assert message.endswith("; make it with scripts.scan_model")
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe{}", b"[" * 100_000])
def test_what_is_no_json_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scan.json"
    path.write_bytes(content)
    with pytest.raises(LabError, match="make it with"):
        read_scan(path)


def test_no_file_a_folder_and_a_long_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be read: No such file"):
        read_scan(tmp_path / "none.json")
    with pytest.raises(LabError, match="cannot be read: Is a directory"):
        read_scan(tmp_path)
    with (tmp_path / "long.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(LabError, match=f"must be at most {MAX_BYTES} bytes, is {MAX_BYTES + 1}"):
        read_scan(tmp_path / "long.json")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_none_is_not_written(value: float) -> None:
    assert "2.5" in scan_to_json(a_scan(a_check(evidence={"figure": 2.5})))
    with pytest.raises(ValueError, match="JSON"):
        scan_to_json(a_scan(a_check(evidence={"figure": value})))


def test_what_was_not_looked_at_is_not_passed() -> None:
    written = json.loads(scan_to_json(INCONCLUSIVE))
    assert [check["status"] for check in written["checks"]] == [Status.PASSED, Status.SKIPPED]
    assert written["verdict"] == "inconclusive"
