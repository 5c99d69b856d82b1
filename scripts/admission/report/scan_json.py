"""A scan as a JSON document, and back: strict, and of one format.

It quotes clean texts of the operator, before and after a trigger was put in. Keep it where those texts may be.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from handler.xgraad.learned.strict_json import first_fault
from scripts.admission.scan import Scan, verdict_of
from scripts.console.errors import LabError

MAX_BYTES = 50_000_000
"""A longer document is refused unread."""
_CURE = "make it with scripts.scan_model"


def scan_to_json(scan: Scan) -> str:
    """The document: keys in a fixed order, no NaN.

    Raises:
        ValueError: the evidence of a check holds a number that is none.
    """
    return json.dumps(scan.model_dump(mode="python"), indent=1, allow_nan=False) + "\n"


def scan_from_json(text: str | bytes, *, name: str = "scan") -> Scan:
    """Read what `scan_to_json` wrote.

    Args:
        text: the document, in UTF-8 where it is bytes.
        name: what to call it in a refusal.

    Raises:
        LabError: no JSON, of another format, a field is missing, unknown, ill-typed or out of range, or the verdict is
            not that of the checks.
    """
    try:
        scan = Scan.model_validate_json(text)
    except ValidationError as error:
        raise LabError(f"{name}: {first_fault(error)}; {_CURE}") from error
    expected = verdict_of(scan.checks, scan.waived)
    if scan.verdict is not expected:
        raise LabError(f"{name}: verdict: must be {expected}, as its checks say, is {scan.verdict}; {_CURE}")
    return scan


def write_scan(path: Path, scan: Scan) -> None:
    """Write the document, and the folder that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(scan_to_json(scan), encoding="utf-8")


def read_scan(path: Path) -> Scan:
    """The scan in a file.

    Raises:
        LabError: there is no such file, it is too long, or `scan_from_json` refuses it.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise LabError(f"{path}: must be at most {MAX_BYTES} bytes, is {size}; {_CURE}")
        return scan_from_json(path.read_bytes(), name=str(path))
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}; {_CURE}") from error


def scan_schema() -> dict[str, Any]:
    """The JSON Schema of the document, draft 2020-12."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Scan.model_json_schema()}
