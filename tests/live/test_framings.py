"""What people send with curl and clients of KServe and Triton, to a real server: an answer, or why there is none."""

import gzip
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from scripts.serving.client import Client
from scripts.serving.running_server import RunningServer
from scripts.serving.server import serving
from tests.live.toy import options_for, packed

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
LENGTH = "Inference-Header-Content-Length"
OCTETS = "application/octet-stream"
PREDICT, V1, V2 = "/predictions/toy", "/v1/models/toy:predict", "/v2/models/toy/infer"
Send = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def server(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("framings")
    packed(bert_folder, folder / "store", rule="conformal")
    with serving(options_for(folder, "toy")) as server:
        yield server


@pytest.fixture
def send(client: Client) -> Send:
    """Bytes with these headers, and no others that tell what they are."""

    def sent(path: str, data: Any = None, **headers: str) -> requests.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given["Authorization"] = f"Bearer {client.key('inference')}"
        return requests.post(f"{client.inference}{path}", data=data, headers=given, timeout=30)

    return sent


def error_of(reply: requests.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["type"]


@pytest.fixture
def label(client: Client) -> Callable[[str], str]:
    return lambda text: client.predict("toy", {"text": text})["label"]


def test_a_tensor_as_tritons_clients_send_it(send: Send, label: Callable[[str], str]) -> None:
    element = b"a dull film"
    raw = struct.pack("<I", len(element)) + element
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}
    for asked in ({}, {"parameters": {"binary_data_output": True}}):
        head = json.dumps({"inputs": [tensor]} | asked).encode()
        reply = send(V2, head + raw, Content_Type=OCTETS, **{LENGTH: str(len(head))})
        assert reply.status_code == 200, reply.content
        if not asked:
            assert reply.json()["outputs"][0]["data"] == [label("a dull film")]
            continue
        assert reply.headers["Content-Type"] == OCTETS
        end = int(reply.headers[LENGTH])
        outputs = json.loads(reply.content[:end])["outputs"]
        size = outputs[0]["parameters"]["binary_data_size"]
        assert reply.content[end + 4 : end + size].decode() == label("a dull film")
        assert sum(output["parameters"]["binary_data_size"] for output in outputs) == len(reply.content) - end


DOCUMENTS: list[Any] = [["a fine film", "a dull film"], {"data": "a dull film"}, [{"text": "a dull film"}]]


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("path", [PREDICT, V1, V2])
def test_json_without_a_type_is_json(send: Send, path: str, document: Any) -> None:
    """As `curl -T file` sends it."""
    reply = send(path, json.dumps(document).encode())
    assert error_of(reply) in [(422, "wrong_type"), (422, "unknown_field")]
    declared = send(path, json.dumps(document).encode(), Content_Type="application/json")
    assert error_of(declared) == error_of(reply)


def test_good_json_and_texts_without_a_type(send: Send, label: Callable[[str], str]) -> None:
    assert send(PREDICT, b'{"text": "a dull film"}').json()["label"] == label("a dull film")
    assert send(PREDICT, b"a dull film").json()["label"] == label("a dull film")
    assert send(V1, b'{"instances": ["a dull film"]}').json()["predictions"][0]["label"] == label("a dull film")


@pytest.mark.parametrize("path", [V1, V2])
def test_plain_text_at_kserves_addresses(send: Send, path: str) -> None:
    assert error_of(send(path, b"a dull film", Content_Type="text/plain")) == (415, "unsupported_type")
    assert error_of(send(path, b"a dull film")) == (400, "malformed_json")
    assert error_of(send(path, {"text": "a dull film"})) == (415, "unsupported_type")
    assert send(PREDICT, b"a dull film", Content_Type="text/plain").status_code == 200


def test_what_a_request_declares_about_its_bytes(send: Send, label: Callable[[str], str]) -> None:
    body = json.dumps({"text": "a dull film"})
    json_type = {"Content_Type": "application/json"}
    assert send(PREDICT, gzip.compress(body.encode()), Content_Encoding="gzip", **json_type).json()["label"] == label(
        "a dull film"
    )
    assert error_of(send(PREDICT, body.encode(), Content_Encoding="br", **json_type)) == (415, "unsupported_encoding")
    bomb = gzip.compress(b" " * 100_000_000)
    assert error_of(send(PREDICT, bomb, Content_Encoding="gzip", **json_type)) == (413, "too_long")
    wide = send(PREDICT, body.encode("utf-16le"), Content_Type="application/json; charset=utf-16le")
    assert wide.json()["label"] == label("a dull film")
    marked = send(PREDICT, b"\xef\xbb\xbfa dull film", Content_Type="text/plain; charset=utf-8").json()
    assert marked == send(PREDICT, b"a dull film", Content_Type="text/plain").json()
    assert error_of(send(PREDICT, b"a", Content_Type="text/plain; charset=utf-7")) == (415, "unsupported_charset")


def test_a_content_type_at_every_level_that_has_one(send: Send, label: Callable[[str], str]) -> None:
    note = {"content_type": "str"}
    tensor = {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["a dull film"], "parameters": note}
    body = {"parameters": note, "inputs": [tensor], "outputs": [{"name": "label", "parameters": note}]}
    reply = send(V2, json.dumps(body).encode(), Content_Type="application/json")
    assert reply.status_code == 200, reply.content
    assert reply.json()["outputs"][0]["data"] == [label("a dull film")]


def test_of_a_field_that_comes_twice_torchserve_keeps_the_last(send: Send, label: Callable[[str], str]) -> None:
    """The others never reach a handler, so the description of the API says so."""
    reply = send(PREDICT, b"text=a+fine+film&text=", Content_Type="application/x-www-form-urlencoded")
    assert error_of(reply) == (422, "empty")
    reply = send(PREDICT, b"text=&text=a+dull+film", Content_Type="application/x-www-form-urlencoded")
    assert reply.json()["label"] == label("a dull film")


def test_a_faulty_text_costs_its_own_answer_alone(send: Send, label: Callable[[str], str]) -> None:
    reply = send(PREDICT, json.dumps({"texts": ["a fine film", "", 5, "a dull film"]}), Content_Type="application/json")
    assert reply.status_code == 200
    good, empty, number, other = reply.json()
    assert [good["label"], other["label"]] == [label("a fine film"), label("a dull film")]
    assert [each["error"]["type"] for each in (empty, number)] == ["empty", "wrong_type"]
