"""TorchServe's entry file: life-cycle calls in, replies out. TorchServe wants exactly one class in here."""

import os
import sys
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from time import perf_counter
from typing import Any

# TorchServe replaces an ImportError of this file by "No module named ts.torch_handler..."; keep the real reason.
try:
    os.environ["HF_HUB_OFFLINE"] = "1"
    if not __package__:  # the root of an archive: what differs from its list is refused before it is imported
        sys.dont_write_bytecode = True
        from handler.integrity import require_unchanged

        require_unchanged(Path(__file__).parent)
    import torch

    from handler.answers.reply import Served
    from handler.describe import describe
    from handler.hooks.exchange import Exchange, arrived
    from handler.hooks.judging import judge
    from handler.hooks.preparing import prepare
    from handler.hooks.replying import reply_to
    from handler.observation.metrics import Metrics
    from handler.observation.request_log import log_drift, log_exchanges, log_load_failed, log_loaded
    from handler.settings import Settings
    from handler.worker.device_loss import DeviceLostError, end_worker
    from handler.worker.registry_file import open_registry
    from handler.worker.spare_memory import SpareMemory
    from handler.worker.stopwatch import Stopwatch
    from handler.worker.threads import share_cores
    from handler.xgraad.errors import XGraadError
    from handler.xgraad.files.fingerprint import CALIBRATION_FILE
    from handler.xgraad.files.pickle_refusal import refuse_pickles
    from handler.xgraad.learned.calibration import Calibration
except ImportError as error:
    raise RuntimeError(f"the handler cannot be imported: {error}; install requirements.txt for the server") from error
except RuntimeError:
    raise
except Exception as error:  # Broad on purpose: code that was damaged can fail in any way, and RuntimeErrors are shown.
    raise RuntimeError(f"{Path(__file__).name}: cannot be run: {type(error).__name__}: {error}") from error


class XGraadHandler:
    """Serves one defended classifier. One reply per request, in order, whatever else is in the batch.

    A batch goes through three hooks. Each takes exchanges and hands on as many, in order, that know more.
    """

    def initialize(self, context: Any) -> None:
        """Load the model directory once per worker.

        Raises:
            RuntimeError: the model must not be served; TorchServe shows the message in its log.
        """
        self.metrics, start = Metrics.of(context), perf_counter()
        self.spare_memory = SpareMemory()
        self.served = Served(str(context.model_name), context.manifest["model"].get("modelVersion"))
        try:
            self._load(context)
        except XGraadError as error:
            self.metrics.load_failed(error)
            log_load_failed(error, model=self.served.name)
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        self.served = self.served._replace(takes_pairs=self.defense.takes_pairs)
        self.metrics.loaded(self.defense)
        log_loaded(self.defense, model=self.served.name, seconds=perf_counter() - start)

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[Any]:
        """Answer a batch."""
        came = arrived(data, context)
        if _is_describe(came):
            return [describe(self.defense, self.settings)]
        stopwatch = Stopwatch()
        try:
            judged = self.inference(self.preprocess(came, stopwatch), stopwatch)
        except DeviceLostError as error:
            end_worker(error)
        replied = self.postprocess(judged, stopwatch)
        self.metrics.answered(replied, stopwatch.seconds, self.defense)
        log_exchanges(replied)
        self._tell_drift()
        self.spare_memory.give_back()
        return _sent(replied, context)

    def preprocess(self, exchanges: Sequence[Exchange], stopwatch: Stopwatch) -> list[Exchange]:
        """Parse and encode."""
        return prepare(exchanges, self.defense, self.settings, stopwatch)

    def inference(self, exchanges: Sequence[Exchange], stopwatch: Stopwatch) -> list[Exchange]:
        """Score and neutralize."""
        return judge(exchanges, self.defense, self.settings, stopwatch)

    def postprocess(self, exchanges: Sequence[Exchange], stopwatch: Stopwatch) -> list[Exchange]:
        """Apply the policy, and write the replies."""
        return reply_to(exchanges, self.served, self.settings, stopwatch)

    def _tell_drift(self) -> None:
        windows = self.defense.reservoir.take() if self.defense.reservoir else []
        self.metrics.drifted(windows)
        log_drift(windows, model=self.served.name)

    def _load(self, context: Any) -> None:
        properties = context.system_properties
        folder = Path(properties["model_dir"])
        refuse_pickles(folder)
        gpu_id = properties.get("gpu_id")
        device = f"cuda:{gpu_id}" if gpu_id is not None and torch.cuda.is_available() else "cpu"
        if device == "cpu":
            share_cores(context.model_yaml_config)
        self.settings = Settings.from_model_config(context.model_yaml_config)
        calibration = Calibration.read(folder / CALIBRATION_FILE)
        registry = open_registry(self.settings, calibration)
        self.defense = self.settings.load_defense(
            str(folder), device=device, calibration=calibration, registry=registry
        )
        self.defense.classifier.warm_up()


def _sent(exchanges: Sequence[Exchange], context: Any) -> list[bytes]:
    """The bodies, their statuses, types and headers set."""
    for index, reply in enumerate(exchange.reply for exchange in exchanges):
        context.set_response_content_type(index, reply.content_type)
        for name, value in reply.headers:
            context.set_response_header(index, name, value)
        if reply.error:
            context.set_response_status(reply.status, HTTPStatus(reply.status).phrase, index)
    return [exchange.reply.body for exchange in exchanges]


def _is_describe(exchanges: Sequence[Exchange]) -> bool:
    """True for the management API's describe, which comes alone and empty.

    A client may send the header, too. TorchServe marks predictions with `explain`, true or false, but not on the old
    addresses (`/models/<model>/invoke`); there nothing but an empty form arrives without a field.
    """
    if [exchange.row for exchange in exchanges] != [{}]:
        return False
    header = exchanges[0].headers
    is_clients = "explain" in header or "form" in header.get("content-type", "").lower()
    return header.get("describe", "").lower() == "true" and not is_clients
