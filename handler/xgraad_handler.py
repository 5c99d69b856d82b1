"""TorchServe's entry file: life-cycle calls in, replies out. TorchServe wants exactly one class in here."""

import os
from typing import Any

# TorchServe replaces an ImportError of this file by "No module named ts.torch_handler..."; keep the real reason.
try:
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch

    from handler.describe import describe
    from handler.reply import refuse, reply
    from handler.request import Refusal, Request, parse_row
    from handler.settings import Settings
    from handler.xgraad import Verdict
    from handler.xgraad.encoding import Encoding
    from handler.xgraad.errors import XGraadError
except ImportError as error:
    raise RuntimeError(f"the handler cannot be imported: {error}; install requirements.txt for the server") from error

Row = dict[str, Any]
Parsed = tuple[Request | Refusal, list[Encoding]]
Answer = Refusal | tuple[Request, list[Verdict]]


class XGraadHandler:
    """Serves one defended classifier. One reply per request, in order, whatever else is in the batch."""

    def initialize(self, context: Any) -> None:
        """Load the model directory once per worker.

        Raises:
            RuntimeError: the model must not be served; TorchServe shows the message in its log.
        """
        properties = context.system_properties
        gpu_id = properties.get("gpu_id")
        device = f"cuda:{gpu_id}" if gpu_id is not None and torch.cuda.is_available() else "cpu"
        try:
            self.settings = Settings.from_model_config(context.model_yaml_config)
            self.defense = self.settings.load_defense(properties["model_dir"], device=device)
        except XGraadError as error:
            raise RuntimeError(f"{type(error).__name__}: {error}") from error

    def handle(self, data: list[Row], context: Any) -> list[Any]:
        """Answer a batch."""
        headers = [_headers(context, index) for index in range(len(data))]
        if _is_describe(data, headers):
            return [describe(self.defense, self.settings)]
        return self.postprocess(self.inference(self.preprocess(data, headers)), context)

    def preprocess(
        self, data: list[Row], headers: list[dict[str, Any]]
    ) -> list[tuple[Request | Refusal, list[Encoding]]]:
        """Parse every row, and tokenize the texts of the good ones."""
        parsed = [parse_row(row, header, self.settings) for row, header in zip(data, headers, strict=True)]
        texts = [text for request in parsed if isinstance(request, Request) for text in request.texts]
        encodings = iter(self.defense.encode(texts))
        return [(row, [next(encodings) for _ in row.texts] if isinstance(row, Request) else []) for row in parsed]

    def inference(self, rows: list[Parsed]) -> list[Answer]:
        """Score all texts of the batch together, flag, neutralize and predict again."""
        flat = [
            (encoding, isinstance(row, Request) and row.explain) for row, encodings in rows for encoding in encodings
        ]
        verdicts = iter(self.defense.judge([encoding for encoding, _ in flat], [explain for _, explain in flat]))
        return [
            (row, [next(verdicts) for _ in encodings]) if isinstance(row, Request) else row for row, encodings in rows
        ]

    def postprocess(self, answers: list[Answer], context: Any) -> list[bytes]:
        """Build each reply and set its status and content type."""
        bodies = []
        for index, answer in enumerate(answers):
            context.set_response_content_type(index, "application/json")
            if isinstance(answer, Refusal):
                context.set_response_status(answer.status, "Request refused", index)
                bodies.append(refuse(answer))
            else:
                bodies.append(reply(*answer))
        return bodies


def _headers(context: Any, index: int) -> dict[str, str]:
    """A request's headers with names in lower case; TorchServe keeps the client's spelling.

    TorchServe files what it knows of form fields and gRPC entries under their names, too, as mappings: not headers.
    """
    every = context.get_all_request_header(index)
    return {name.lower(): value for name, value in every.items() if isinstance(value, str)}


def _is_describe(data: list[Row], headers: list[dict[str, str]]) -> bool:
    """True for the management API's describe, which comes alone and empty.

    A client may send the header, too; but TorchServe marks every prediction with `explain`, true or false.
    """
    return data == [{}] and headers[0].get("describe", "").lower() == "true" and "explain" not in headers[0]
