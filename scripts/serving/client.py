"""A small client for a running server, over REST and gRPC."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import requests

from scripts.console.errors import LabError
from scripts.serving.access_keys import Purpose, read_key
from scripts.serving.retrying import NoAnswerError, asked_again

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True, kw_only=True)
class HttpReply:
    """One HTTP answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def document(self) -> Any:
        """The body read as JSON."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise LabError(f"reply must be JSON, got {len(self.body)} other bytes with status {self.status}") from error


def error_document(code: int, kind: str, message: str) -> dict[str, Any]:
    """An error in the form that the handler uses for its own."""
    return {"status": "error", "error": {"code": code, "type": kind, "message": message}}


def is_error(document: Any) -> bool:
    """Whether a document tells of a refused or failed request."""
    return isinstance(document, dict) and document.get("status") == "error"


class Client:
    """Calls the models of one server. Use it as a context manager, or call `close`.

    Predictions return the JSON document for refusals as well, so that REST and gRPC answer alike: see `is_error`.
    A server that cannot be reached is a `LabError`.

    Args:
        inference: base URL of the inference API.
        management: base URL of the management API.
        grpc_inference: `host:port` of the gRPC inference API.
        key_file: TorchServe's key_file.json; None when token authorization is off.
        timeout_s: seconds to wait for one answer.
        retries: how often a prediction is asked for again when it failed for a reason that passes, see `retrying`.
    """

    def __init__(
        self,
        *,
        inference: str = "http://127.0.0.1:8080",
        management: str = "http://127.0.0.1:8081",
        grpc_inference: str = "127.0.0.1:7070",
        key_file: Path | None = None,
        timeout_s: float = 120.0,
        retries: int = 0,
    ) -> None:
        self.inference = inference.rstrip("/")
        self.management = management.rstrip("/")
        self.grpc_inference = grpc_inference
        self.key_file = key_file
        self.timeout_s = timeout_s
        self.retries = retries
        self._channel: grpc.Channel | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy from the environment must not see the texts or the keys

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._session.close()
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def predict(self, model: str, body: Any, *, explain: bool = False) -> Any:
        """Send `body` as JSON and return the JSON document of the answer, also when it is a refusal."""
        return asked_again(lambda: self._predict(model, body, explain=explain), retries=self.retries)

    def _predict(self, model: str, body: Any, *, explain: bool) -> Any:
        data = json.dumps(body).encode()
        reply = self.post(model, data, {"Content-Type": "application/json"}, explain=explain)
        document = reply.document()
        if reply.status >= 400 and not _is_ours(document):
            return error_document(reply.status, str(document.get("type")), str(document.get("message")))
        return document

    def post(self, model: str, data: bytes, headers: Mapping[str, str], *, explain: bool = False) -> HttpReply:
        """Send raw bytes to the prediction or explanation endpoint."""
        endpoint = "explanations" if explain else "predictions"
        url = f"{self.inference}/{endpoint}/{quote(model, safe='')}"
        return self.request("POST", url, purpose="inference", data=data, headers=headers)

    def predict_grpc(self, model: str, fields: Mapping[str, bytes]) -> Any:
        """One prediction over gRPC. A failed call becomes an error document with the gRPC code and its name."""
        return asked_again(lambda: self._predict_grpc(model, fields), retries=self.retries)

    def _predict_grpc(self, model: str, fields: Mapping[str, bytes]) -> Any:
        import grpc  # as much time as everything else of a command that asks over REST

        from scripts.serving.grpc_predictions import open_channel, predict_over

        if self._channel is None:
            self._channel = open_channel(self.grpc_inference, timeout_s=min(self.timeout_s, 10.0))
        key = self.key("inference")
        try:
            answer = predict_over(self._channel, model, fields, key=key, timeout_s=self.timeout_s)
        except grpc.RpcError as error:
            number, _ = error.code().value
            return error_document(number, f"grpc {error.code().name}", str(error.details()))
        return HttpReply(status=200, headers={}, body=answer).document()

    def describe(self, model: str, *, customized: bool = True) -> dict[str, Any] | None:
        """What the management API says about `model` and its workers, or None for an unknown model."""
        url = f"{self.management}/models/{quote(model, safe='')}?customized={str(customized).lower()}"
        reply = self.request("GET", url, purpose="management")
        if reply.status == 404:
            return None
        _expect_ok(reply, wanted=f"description of model {model}")
        description: dict[str, Any] = reply.document()[0]
        return description

    def scale(self, model: str, workers: int) -> None:
        """Give `model` exactly `workers` workers; returns at once, while they start."""
        query = f"min_worker={workers}&max_worker={workers}&synchronous=false"
        url = f"{self.management}/models/{quote(model, safe='')}?{query}"
        _expect_ok(self.request("PUT", url, purpose="management"), wanted=f"{workers} workers for model {model}")

    def is_up(self) -> bool:
        """Whether the inference API answers at all; its models may still be loading."""
        try:
            return self.request("GET", f"{self.inference}/ping", purpose="inference").status == 200
        except LabError:
            return False

    def key(self, purpose: Purpose) -> str | None:
        """A valid key for `purpose`, renewed when it has expired; None without token authorization."""
        if self.key_file is None:
            return None
        current = read_key(self.key_file, purpose)
        if current.expired(now=datetime.now(UTC)):
            self.renew(purpose)
            current = read_key(self.key_file, purpose)
        return current.key

    def renew(self, purpose: Purpose) -> None:
        """Make the server write a new key for `purpose` into the key file."""
        if self.key_file is None:
            raise LabError("a key can be renewed only with token authorization; give the client a key_file")
        url = f"{self.management}/token?type={purpose}"
        authorization = _bearer(read_key(self.key_file, "API").key)
        _expect_ok(self._send("GET", url, headers=authorization), wanted=f"new {purpose} key")

    def request(
        self, method: str, url: str, *, purpose: Purpose, data: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> HttpReply:
        """One call of either API, with the key for `purpose` where there are keys."""
        key = self.key(purpose)
        return self._send(method, url, data=data, headers={**(_bearer(key) if key else {}), **(headers or {})})

    def _send(self, method: str, url: str, *, headers: Mapping[str, str], data: bytes = b"") -> HttpReply:
        try:
            answer = self._session.request(method, url, data=data, headers=dict(headers), timeout=self.timeout_s)
        except requests.RequestException as error:
            reason = type(error).__name__
            raise NoAnswerError(f"no answer from {url} ({reason}); see python -m scripts.serve status") from error
        return HttpReply(status=answer.status_code, headers=answer.headers, body=answer.content)


def _is_ours(document: Any) -> bool:
    """Whether a refusal is the handler's: an error, or a list of them where every text was refused."""
    return isinstance(document, list) or is_error(document) or bool({"predictions", "explanations"} & set(document))


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _expect_ok(reply: HttpReply, *, wanted: str) -> None:
    if reply.status >= 300:
        message = reply.document().get("message", "no message")
        raise LabError(f"the server refused: {wanted} (status {reply.status}: {message})")
