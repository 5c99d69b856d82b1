"""Tests that need Ray Serve, and say so where it is not installed."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

IS_INSTALLED = all(find_spec(name) for name in ("ray", "starlette", "prometheus_client"))
needs_ray = pytest.mark.skipif(
    not IS_INSTALLED, reason="needs Ray Serve: python -m pip install -r requirements-ray.txt"
)


@cache
def asks_for_ray(file: Path) -> bool:
    """Whether tests of the file need Ray: two of them at once on one machine disturb each other."""
    return "needs_ray" in file.read_text(encoding="utf-8")
