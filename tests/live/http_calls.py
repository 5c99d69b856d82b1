"""HTTP requests to either server, and what each must get: one list for all servers that serve our archives."""

import gzip
import json
import struct
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.conftest import CLEAN_TEXTS
from tests.contract.service_in_process import tensors
from tests.contract.test_page import BROWSER

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=XX"
TEXT, OTHER = CLEAN_TEXTS[1], CLEAN_TEXTS[2]
PREDICT, EXPLAIN = "/predictions/toy", "/explanations/toy"
V1, V2 = "/v1/models/toy:predict", "/v2/models/toy/infer"
LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True, kw_only=True)
class HttpCall:
    """One request, and the status and kind of its answer."""

    path: str = PREDICT
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    status: int = 200
    kind: str | None = None
    """Of the error; None for an answer, and where there is no document."""


@dataclass(frozen=True)
class HttpReply:
    """What came back, as far as it is the same for all servers."""

    status: int
    content_type: str
    body: bytes
    policy: str
    """Of a page: what it may load."""

    @property
    def kind(self) -> str | None:
        """Of the handler's errors and of the server's."""
        try:
            document = json.loads(self.body)
        except ValueError:
            return None
        if not isinstance(document, dict):
            return None
        error = document.get("error", document if "code" in document else {})
        return error.get("type") if isinstance(error, dict) else None


def as_json(document: Any, path: str = PREDICT, **expected: Any) -> HttpCall:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return HttpCall(path=path, body=body, headers={"Content-Type": "application/json"}, **expected)


def typed(declared: str, body: bytes, path: str = PREDICT, **expected: Any) -> HttpCall:
    return HttpCall(path=path, body=body, headers={"Content-Type": declared}, **expected)


def part(head: str, value: bytes) -> bytes:
    return b"--XX\r\n" + head.encode() + b"\r\n\r\n" + value + b"\r\n"


def raw_tensor() -> HttpCall:
    raw = struct.pack("<I", len(TEXT)) + TEXT.encode()
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", LENGTH: str(len(head))}
    return HttpCall(path=V2, body=head + raw, headers=headers)


ONE = {"text": TEXT}
NAMED = 'Content-Disposition: form-data; name="text"'
GZIP = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
PAGE = {"Accept": BROWSER}
MARKS = {"explain": "True", "url_path": "x"}
NO_RESOURCE, NO_MODEL = "ResourceNotFoundException", "ModelNotFoundException"

CALLS: dict[str, HttpCall] = {
    "JSON": as_json(ONE),
    "JSON, its version": as_json(ONE, f"{PREDICT}/1.0"),
    "JSON, a slash more": as_json(ONE, f"{PREDICT}/"),
    "JSON, by PUT": HttpCall(method="PUT", body=json.dumps(ONE).encode(), headers={"Content-Type": "application/json"}),
    "JSON, undeclared": HttpCall(body=json.dumps(ONE).encode()),
    "JSON, compressed": HttpCall(body=gzip.compress(json.dumps(ONE).encode()), headers=GZIP),
    "JSON, of wide characters": typed("application/json; charset=utf-16le", json.dumps(ONE).encode("utf-16le")),
    "JSON, by its address explained": as_json(ONE, EXPLAIN),
    "JSON, by its body explained": as_json({**ONE, "explain": True}),
    "JSON, with marks of its own": HttpCall(body=json.dumps(ONE).encode(), headers=MARKS),
    "texts": as_json({"texts": [TEXT, OTHER]}),
    "texts, one faulty": as_json({"texts": [TEXT, "", 5, OTHER]}),
    "instances": as_json({"instances": [TEXT, {"text": OTHER}]}, V1),
    "instances, explained": as_json({"instances": [TEXT]}, "/v1/models/toy:explain"),
    "tensors": as_json(tensors(TEXT, OTHER, id="seven"), V2),
    "tensors, explained": as_json(tensors(TEXT), "/v2/models/toy/explain"),
    "tensors, raw both ways": raw_tensor(),
    "plain": typed("text/plain", TEXT.encode()),
    "plain, Latin": typed("text/plain; charset=iso-8859-1", "a café".encode("latin-1")),
    "form": typed(FORM, b"text=a+dull%20film"),
    "form, a field twice": typed(FORM, b"text=&text=a+dull+film"),
    "form of parts": typed(PARTS, part(NAMED, TEXT.encode()) + b"--XX--\r\n"),
    "form of parts, a file": typed(
        PARTS, part(f'{NAMED}; filename="x"\r\nContent-Type: text/plain', TEXT.encode()) + b"--XX--\r\n"
    ),
    "page": HttpCall(method="GET", path=EXPLAIN, headers=PAGE),
    "page, typed": HttpCall(path=EXPLAIN, body=b"text=a+dull+film", headers={**PAGE, "Content-Type": FORM}),
    "page, typed nothing": HttpCall(
        path=EXPLAIN, body=b"text=", headers={**PAGE, "Content-Type": FORM}, status=422
    ),
    "ping": HttpCall(method="GET", path="/ping"),
    "no JSON": as_json(b'{"text": ', status=400, kind="malformed_json"),
    "a number": as_json({"text": 5}, status=422, kind="wrong_type"),
    "nothing": HttpCall(method="GET", status=422, kind="empty"),
    "an empty form": typed(FORM, b"", status=422, kind="missing_text"),
    "a broken form of parts": typed(PARTS, b"--XX\r\nbroken", status=422, kind="missing_text"),
    "JSON as a form": typed(FORM, b'{"text": "a=b"}', status=415, kind="json_as_form"),
    "too long": as_json({"text": "a" * 401}, status=413, kind="too_long"),
    "too many": as_json({"texts": ["a"] * 5}, status=413, kind="too_many_texts"),
    "too large": HttpCall(body=b"x" * 1_100_000, status=413),
    "a bomb": HttpCall(body=gzip.compress(b" " * 100_000_000), headers=GZIP, status=413, kind="too_long"),
    "another type": typed("image/png", b"x", status=415, kind="unsupported_type"),
    "another charset": typed("text/plain; charset=utf-7", b"a", status=415, kind="unsupported_charset"),
    "another coding": HttpCall(
        body=b"x", headers={**GZIP, "Content-Encoding": "br"}, status=415, kind="unsupported_encoding"
    ),
    "an unknown field": as_json({**ONE, "more": 1}, status=422, kind="unknown_field"),
    "plain text at KServe's": typed("text/plain", b"a film", V1, status=415, kind="unsupported_type"),
    "a form at KServe's": typed(FORM, b"text=a+film", V1, status=415, kind="unsupported_type"),
    "undeclared text at KServe's": HttpCall(path=V2, body=b"a film", status=400, kind="malformed_json"),
    "no such model": as_json(ONE, "/predictions/nope", status=404, kind=NO_MODEL),
    "no such model, explained": as_json(ONE, "/explanations/no%0ape", status=404, kind=NO_MODEL),
    "no such model at KServe's": as_json(ONE, "/v2/models/nope/infer", status=404, kind=NO_MODEL),
    "no such version": as_json(ONE, f"{PREDICT}/2.0", status=404, kind="ModelVersionNotFoundException"),
    "no such address": as_json(ONE, "/nothing", status=404, kind=NO_RESOURCE),
    "no such address at KServe's": as_json(ONE, "/v1/models/toy:other", status=404, kind=NO_RESOURCE),
}  # fmt: skip


def send(address: str, call: HttpCall) -> HttpReply:
    """Send a call as it is written, its path unchanged."""
    with requests.Session() as session:
        prepared = requests.Request(call.method, address, headers=call.headers, data=call.body).prepare()
        prepared.url = f"{address}{call.path}"
        reply = session.send(prepared, timeout=60)
    return HttpReply(
        reply.status_code,
        reply.headers.get("Content-Type", ""),
        reply.content,
        reply.headers.get("Content-Security-Policy", ""),
    )
