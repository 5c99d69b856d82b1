"""A fault of a signature as it is told: one line, with a cure and without a digest."""

import re
from pathlib import Path

import pytest

from scripts.console.errors import LabError
from scripts.packing.signature import require_signature, signature_fault

LONG_DIGEST = re.compile(r"[0-9a-f]{32}|digest_value|b'")


def told(archive: Path, public: Path) -> str:
    """The fault of an archive, which is one line that holds no digest."""
    fault = signature_fault(archive, public)
    assert fault is not None
    assert_readable(fault)
    with pytest.raises(LabError, match=re.escape(fault)):
        require_signature(archive, public)
    return fault


def assert_readable(line: str) -> None:
    assert line.isprintable()
    assert not LONG_DIGEST.search(line)
    assert "; " in line, "a cure is told"
