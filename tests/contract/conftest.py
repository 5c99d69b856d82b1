"""What of TorchServe runs in a worker process, without the server, a worker of it, and a parser behind it."""

import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handler.refusal import Refusal
from handler.wire.request import Request, parse_row
from handler.xgraad_handler import arrived
from tests.contract.parsing import LIMITS, Parse
from tests.contract.service_in_process import END, Message, Socket, Worker, on_the_wire, unpacked


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


@pytest.fixture(scope="module")
def worker(
    checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> Worker:
    """The service with a toy that takes four texts at most, of 400 characters each."""
    folder = tmp_path_factory.mktemp("models") / "toy"
    return Worker(unpacked(checkpoints["bert"], folder, rule="conformal", max_chars=400, max_texts=4), torchserve)


@pytest.fixture(scope="module")
def parse(torchserve: SimpleNamespace) -> Parse:
    """From the frontend's bytes to a request, without a model."""
    from ts.service import Service

    def parsed(message: Message) -> Request | Refusal:
        batch = torchserve.read(Socket(on_the_wire("id", message["headers"], message["fields"]) + END))
        processors, rows, ids = Service.retrieve_data_for_inference(batch)
        context = SimpleNamespace(
            get_all_request_header=lambda index: processors[index].get_request_properties(), get_request_id=ids.get
        )
        (exchange,) = arrived(rows, context)
        return parse_row(exchange.row, exchange.headers, LIMITS, exchange.types)

    return parsed
