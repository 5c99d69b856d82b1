"""Tests that need Ray Serve, and say so where it is not installed."""

from importlib.util import find_spec

import pytest

IS_INSTALLED = all(find_spec(name) for name in ("ray", "starlette", "prometheus_client"))
needs_ray = pytest.mark.skipif(
    not IS_INSTALLED, reason="needs Ray Serve: python -m pip install -r requirements-ray.txt"
)
STARTING_RAY = {
    "tests/corpus/test_screen_corpus.py",
    "tests/live/test_both_servers.py",
    "tests/live/test_ray_faults.py",
    "tests/live/test_ray_server.py",
}
"""Files whose tests start it: two at once on one machine disturb each other."""
