"""What of TorchServe runs in a worker process, without the server."""

import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(scope="module")
def torchserve() -> SimpleNamespace:
    """It leaves files open, which is not our concern here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ts
        from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl
        from ts.protocol.otf_message_handler import _retrieve_inference_msg
        from ts.service import Service

        metrics = MetricsCacheYamlImpl(str(Path(ts.__file__).parent / "configs" / "metrics.yaml"))
        metrics.model_name = "toy"  # as the worker process sets it; the first one's name sticks, in a default argument

    def make(name: str, folder: str, manifest: dict[str, Any], entry_point: Callable[..., Any]) -> Any:
        return make_with(metrics, name, folder, manifest, entry_point)

    def make_with(cache: Any, name: str, folder: str, manifest: dict[str, Any], entry_point: Callable[..., Any]) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Service(name, folder, manifest, entry_point, None, 8, True, cache)

    def read_metrics(path: Path) -> Any:
        """TorchServe's cache of the metrics that a file declares."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            cache = MetricsCacheYamlImpl(str(path))
            cache.initialize_cache()
            cache.model_name = "toy"
        return cache

    return SimpleNamespace(make=make, make_with=make_with, read=_retrieve_inference_msg, read_metrics=read_metrics)
