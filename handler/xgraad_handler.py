"""TorchServe's entry file: life-cycle calls in, replies out. TorchServe wants exactly one class in here."""

import os
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
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
    from handler.defended_model import DefendedModel
    from handler.describe import describe
    from handler.hooks.exchange import Exchange
    from handler.observation.metrics import Metrics
except ImportError as error:
    raise RuntimeError(f"the handler cannot be imported: {error}; install requirements.txt for the server") from error
except RuntimeError:
    raise
except Exception as error:  # Broad on purpose: code that was damaged can fail in any way, and RuntimeErrors are shown.
    raise RuntimeError(f"{Path(__file__).name}: cannot be run: {type(error).__name__}: {error}") from error


class XGraadHandler(DefendedModel):
    """The model, as TorchServe calls it."""

    def initialize(self, context: Any) -> None:
        """Load the model directory once per worker.

        Raises:
            RuntimeError: the model must not be served; TorchServe shows the message in its log.
        """
        properties = context.system_properties
        gpu_id = properties.get("gpu_id")
        self.load(
            Path(properties["model_dir"]),
            context.model_yaml_config,
            served=Served(str(context.model_name), context.manifest["model"].get("modelVersion")),
            device=f"cuda:{gpu_id}" if gpu_id is not None and torch.cuda.is_available() else "cpu",
            metrics=_metrics(context),
        )

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[Any]:
        """Answer a batch."""
        came = arrived(data, context)
        if _is_describe(came):
            return [describe(self.defense, self.settings)]
        return _sent(self.answer(came), context)


def arrived(data: Sequence[Mapping[str, Any]], context: Any) -> list[Exchange]:
    """A batch of TorchServe's, each row with what its context tells of it."""
    every = [context.get_all_request_header(index) for index in range(len(data))]
    return [
        Exchange(row=row, headers=_headers(known), types=_types(known), id=context.get_request_id(index))
        for index, (row, known) in enumerate(zip(data, every, strict=True))
    ]


def _headers(known: Mapping[str, Any]) -> dict[str, str]:
    """A request's headers with names in lower case; TorchServe keeps the client's spelling.

    TorchServe files what it knows of form fields and gRPC entries under their names, too, as mappings: not headers.
    """
    return {name.lower(): value for name, value in known.items() if isinstance(value, str)}


def _types(known: Mapping[str, Any]) -> dict[str, str]:
    """The content type of each form field, or of the body, as far as TorchServe tells it."""
    return {name: str(value.get("content-type", "")) for name, value in known.items() if isinstance(value, Mapping)}


def _metrics(context: Any) -> Metrics:
    """Those that TorchServe was told of; none where it was given no metrics."""
    kinds = getattr(context.metrics, "cache", {}).values()
    declared = {name: metric for kind in kinds for name, metric in kind.items()}
    return Metrics(declared, str(context.model_name))


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
