"""TorchServe's entry file: life-cycle calls in, replies out. TorchServe wants exactly one class in here."""

import os
import sys
from collections.abc import Mapping
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

    from handler.answering import answer
    from handler.describe import describe
    from handler.device_loss import DeviceLostError, end_worker
    from handler.metrics import Metrics
    from handler.refusal import Refusal
    from handler.registry_file import open_registry
    from handler.reply import Reply, named, refuse
    from handler.request import Request, parse_row
    from handler.request_log import log_load_failed, log_loaded, log_replies
    from handler.settings import Settings
    from handler.spare_memory import SpareMemory
    from handler.stopwatch import Stopwatch
    from handler.threads import share_cores
    from handler.visit import asked, shown
    from handler.xgraad.calibration import Calibration
    from handler.xgraad.errors import XGraadError
    from handler.xgraad.fingerprint import CALIBRATION_FILE
    from handler.xgraad.pickle_refusal import refuse_pickles
except ImportError as error:
    raise RuntimeError(f"the handler cannot be imported: {error}; install requirements.txt for the server") from error
except RuntimeError:
    raise
except Exception as error:  # Broad on purpose: code that was damaged can fail in any way, and RuntimeErrors are shown.
    raise RuntimeError(f"{Path(__file__).name}: cannot be run: {type(error).__name__}: {error}") from error

Row = dict[str, Any]


class XGraadHandler:
    """Serves one defended classifier. One reply per request, in order, whatever else is in the batch."""

    def initialize(self, context: Any) -> None:
        """Load the model directory once per worker.

        Raises:
            RuntimeError: the model must not be served; TorchServe shows the message in its log.
        """
        self.metrics, start = Metrics.of(context), perf_counter()
        self.spare_memory = SpareMemory()
        self.model, self.version = str(context.model_name), context.manifest["model"].get("modelVersion")
        try:
            self._load(context)
        except XGraadError as error:
            self.metrics.load_failed(error)
            log_load_failed(error, model=self.model)
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        self.metrics.loaded(self.defense)
        log_loaded(self.defense, model=self.model, seconds=perf_counter() - start)

    def handle(self, data: list[Row], context: Any) -> list[Any]:
        """Answer a batch."""
        headers = [_headers(context, index) for index in range(len(data))]
        if _is_describe(data, headers):
            return [describe(self.defense, self.settings)]
        stopwatch = Stopwatch()
        with stopwatch("parse"):
            requests = self.preprocess(data, headers, [_types(context, index) for index in range(len(data))])
        try:
            replies = self.inference(requests, stopwatch)
        except DeviceLostError as error:
            end_worker(error)
        with stopwatch("reply"):
            fitting = [
                shown(
                    row,
                    header,
                    named(reply, request, model=self.model, version=self.version),
                    model=self.model,
                    settings=self.settings,
                )
                for row, header, request, reply in zip(data, headers, requests, replies, strict=True)
            ]
        self.metrics.answered(replies, stopwatch.seconds, self.defense)
        log_replies(data, requests, replies, [context.get_request_id(index) for index in range(len(data))])
        self.spare_memory.give_back()
        return self.postprocess(fitting, context)

    def preprocess(
        self, data: list[Row], headers: list[dict[str, str]], types: list[dict[str, str]]
    ) -> list[Request | Refusal]:
        """Parse every row."""
        wanted = [asked(row, header, self.settings) for row, header in zip(data, headers, strict=True)]
        return [
            parse_row(row, header, self.settings, declared)
            for (row, header), declared in zip(wanted, types, strict=True)
        ]

    def inference(self, rows: list[Request | Refusal], stopwatch: Stopwatch) -> list[Reply]:
        """Judge the texts of all good rows together, and build each row's reply."""
        good = [row for row in rows if isinstance(row, Request)]
        replies = iter(answer(good, self.defense, self.settings, stopwatch))
        return [refuse(row) if isinstance(row, Refusal) else next(replies) for row in rows]

    def postprocess(self, replies: list[Reply], context: Any) -> list[bytes]:
        """Set each reply's status, content type and headers."""
        for index, reply in enumerate(replies):
            context.set_response_content_type(index, reply.content_type)
            for name, value in reply.headers:
                context.set_response_header(index, name, value)
            if reply.status != HTTPStatus.OK:
                context.set_response_status(reply.status, HTTPStatus(reply.status).phrase, index)
        return [reply.body for reply in replies]

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


def _headers(context: Any, index: int) -> dict[str, str]:
    """A request's headers with names in lower case; TorchServe keeps the client's spelling.

    TorchServe files what it knows of form fields and gRPC entries under their names, too, as mappings: not headers.
    """
    every = context.get_all_request_header(index)
    return {name.lower(): value for name, value in every.items() if isinstance(value, str)}


def _types(context: Any, index: int) -> dict[str, str]:
    """The content type of each form field, or of the body, as far as TorchServe tells it."""
    every = context.get_all_request_header(index)
    return {name: str(value.get("content-type", "")) for name, value in every.items() if isinstance(value, Mapping)}


def _is_describe(data: list[Row], headers: list[dict[str, str]]) -> bool:
    """True for the management API's describe, which comes alone and empty.

    A client may send the header, too. TorchServe marks predictions with `explain`, true or false, but not on the old
    addresses (`/models/<model>/invoke`); there nothing but an empty form arrives without a field.
    """
    header = headers[0]
    is_clients = "explain" in header or "form" in header.get("content-type", "").lower()
    return data == [{}] and header.get("describe", "").lower() == "true" and not is_clients
