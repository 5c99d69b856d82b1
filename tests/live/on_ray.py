"""Tests that need Ray Serve, and say so where it is not installed."""

from importlib.util import find_spec

import pytest

IS_INSTALLED = all(find_spec(name) for name in ("ray", "starlette", "prometheus_client"))
needs_ray = pytest.mark.skipif(
    not IS_INSTALLED, reason="needs Ray Serve: python -m pip install -r requirements-ray.txt"
)
on_ray = pytest.mark.xdist_group("ray")
"""Files of which one process runs all: there is one Ray on a machine."""
