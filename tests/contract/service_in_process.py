"""TorchServe's own service without its process: messages as its frontend writes them, answers as it reads them."""

import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import yaml

from handler.xgraad_handler import XGraadHandler
from tests.samples import copy_of
from tests.toys import SENTENCES

Message = dict[str, Any]


class Answer(NamedTuple):
    """What the frontend would send to one client."""

    request_id: str
    content_type: str
    status: int
    phrase: str
    body: bytes
    headers: dict[str, str]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Field(NamedTuple):
    """One body, form field or gRPC map entry of a request."""

    value: bytes
    name: str = "body"
    content_type: str = ""


class Socket:
    """What the frontend wrote, for the worker's own reader."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def recv(self, length: int) -> bytes:
        part, self._content = self._content[:length], self._content[length:]
        return part


def sized(content: bytes) -> bytes:
    return struct.pack("!i", len(content)) + content


END = struct.pack("!i", -1)


def on_the_wire(request_id: str, headers: dict[str, str], fields: list[Field]) -> bytes:
    """One request as `ts.protocol.otf_message_handler` reads it."""
    named = b"".join(sized(name.encode()) + sized(value.encode()) for name, value in headers.items())
    inputs = b"".join(
        sized(field.name.encode()) + sized(field.content_type.encode()) + sized(field.value) for field in fields
    )
    return sized(request_id.encode()) + named + END + inputs + END


def answers(message: bytes) -> list[Answer]:
    """Undo `create_predict_response`, the way the frontend does."""
    content = memoryview(message)

    def number() -> int:
        nonlocal content
        (value,) = struct.unpack("!i", content[:4])
        content = content[4:]
        return int(value)

    def chunk() -> bytes:
        nonlocal content
        length = number()
        value, content = bytes(content[:length]), content[length:]
        return value

    number(), chunk()
    result = []
    while (length := number()) >= 0:
        request_id, content = bytes(content[:length]).decode(), content[length:]
        content_type, status, phrase = chunk().decode(), number(), chunk().decode()
        headers = {chunk().decode(): chunk().decode() for _ in range(number())}
        result.append(Answer(request_id, content_type, status, phrase, chunk(), headers))
    assert not content
    return result


class Worker:
    """One worker process's service, without its process."""

    def __init__(self, folder: Path, torchserve: SimpleNamespace) -> None:
        self._read = torchserve.read
        self.handler = XGraadHandler()
        manifest = {"model": {"modelName": "toy", "configFile": "model-config.yaml"}}
        self.service = torchserve.make("toy", str(folder), manifest, self.handler.handle)
        self.service.set_cl_socket(None)
        self.handler.initialize(self.service.context)

    def __call__(self, *requests: Message) -> list[Answer]:
        """Answers to one batch."""
        wire = b"".join(on_the_wire(f"id-{index}", r["headers"], r["fields"]) for index, r in enumerate(requests))
        batch = self._read(Socket(wire + END))
        result = answers(bytes(self.service.predict(batch)))
        assert [answer.request_id for answer in result] == [f"id-{index}" for index in range(len(requests))]
        return result


def unpacked(source: Path, folder: Path, **section: Any) -> Path:
    """A model directory as TorchServe unpacks it."""
    copy_of(source, folder)
    (folder / "model-config.yaml").write_text(yaml.safe_dump({"batchSize": 8, "xgraad": section}))
    return folder


def request(*fields: Field, **headers: str) -> Message:
    """A REST request to TorchServe's own addresses; the frontend adds `explain` and `url_path`."""
    return {
        "fields": list(fields),
        "headers": {"explain": "False", "url_path": ""} | {n.replace("_", "-"): v for n, v in headers.items()},
    }


def at_kserve(message: Message) -> Message:
    """The same request to an address of KServe's, where the frontend adds no `url_path`."""
    return {**message, "headers": {n: v for n, v in message["headers"].items() if n != "url_path"}}


def grpc(**entries: bytes) -> Message:
    """gRPC has no headers, and its map entries no type."""
    return {"fields": [Field(value, name) for name, value in entries.items()], "headers": {}}


def post(document: Any, **headers: str) -> Message:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return request(Field(body, content_type="application/json"), **{"Content_Type": "application/json"} | headers)


def plain(text: str, **headers: str) -> Message:
    return request(Field(text.encode(), content_type="text/plain"), Content_Type="text/plain", **headers)


GOOD = post({"text": SENTENCES[0]})
EXPLAIN = post({"text": SENTENCES[1]}, explain="True")
MANY = post({"texts": [SENTENCES[2], SENTENCES[3]]})


def tensors(*texts: str, **beside: Any) -> dict[str, Any]:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return {"inputs": [tensor], **beside}


BAD = [
    (post(b'{"text": '), 400),
    (post({"text": 5}), 422),
    (post({"texts": ["a"] * 5}), 413),
    (post({"text": "a" * 401}), 413),
    (post({"text": "a\ud800"}), 422),
    (plain(""), 422),
    (request(Field(b"\xff\xfe", content_type="text/plain")), 400),
    (request(Field(b"", name='{"text": "x"}'), Content_Type="application/x-www-form-urlencoded"), 415),
    (request(), 422),
]
