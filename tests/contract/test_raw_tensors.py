"""Tensors whose texts stand as raw bytes behind the JSON are read as meant, or refused with the reason."""

import json
import struct
from gzip import compress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.wire.request import Request
from tests.contract.parsing import OCTETS, Parse, answered, refused
from tests.contract.service_in_process import Field, Message, at_kserve, grpc, post, request, tensors
from tests.framings import binary


@pytest.mark.parametrize("kind", [OCTETS, "application/json", ""])
def test_raw_tensors(parse: Parse, kind: str) -> None:
    message = binary(["a fine film", "é"])
    (field,) = message["fields"]
    sent = {**message, "fields": [field._replace(content_type=kind)]}
    sent["headers"] = {**message["headers"], "Content-Type": kind}
    for each in (sent, at_kserve(sent)):
        answered(parse(each), "a fine film", "é")
    packed = {**sent, "fields": [field._replace(content_type=kind, value=compress(field.value))]}
    packed["headers"] = {**sent["headers"], "Content-Encoding": "gzip"}
    answered(parse(packed), "a fine film", "é")


def extended(document: Any, raw: bytes = b"", **headers: str) -> Message:
    head = json.dumps(document).encode()
    given = {"Content_Type": OCTETS, "Inference_Header_Content_Length": str(len(head))} | headers
    return request(Field(head + raw, content_type=OCTETS), **given)


def tensor(n: int, size: Any, **more: Any) -> Any:
    tensor = {"name": "t", "shape": [n], "datatype": "BYTES", "parameters": {"binary_data_size": size}} | more
    return {"inputs": [tensor]}


ELEMENT = struct.pack("<I", 1) + b"a"
WRONG: list[tuple[Message, int, str, str]] = [
    (extended(tensor(1, 5), ELEMENT, Inference_Header_Content_Length="x"), 400, "malformed_tensor", "number of bytes"),
    (extended(tensor(1, 5), ELEMENT, Inference_Header_Content_Length="-1"), 400, "malformed_tensor", "a number"),
    (extended(tensor(1, 5), ELEMENT, Inference_Header_Content_Length="999"), 400, "malformed_tensor", "not so many"),
    (extended(tensor(1, 5), ELEMENT, Inference_Header_Content_Length="9"), 400, "malformed_json", "valid JSON"),
    (extended(tensor(1, 4), ELEMENT), 400, "malformed_tensor", "bytes behind the JSON, 5"),
    (extended(tensor(1, True), b"a"), 400, "malformed_tensor", "bytes behind the JSON, 1"),
    (extended(tensor(1, "5"), ELEMENT), 400, "malformed_tensor", "bytes behind the JSON, 5"),
    (extended(tensor(1, 5, datatype="FP32"), ELEMENT), 400, "malformed_tensor", "datatype BYTES"),
    (extended(tensor(1, 4), b"\x09\0\0\0"), 400, "malformed_tensor", "element 0 is longer"),
    (extended(tensor(1, 7), ELEMENT + b"\0\0"), 400, "malformed_tensor", "element 1 is longer"),
    (extended(tensor(1, 4), b"\xff" * 4), 400, "malformed_tensor", "element 0 is longer"),
    (extended({"text": "a"}, ELEMENT), 400, "malformed_tensor", "5 bytes stand behind the JSON"),
    (extended(tensors("a"), ELEMENT), 400, "malformed_tensor", "5 bytes stand behind the JSON"),
    (extended([], ELEMENT), 400, "malformed_tensor", "5 bytes stand behind the JSON"),
    (extended(tensor(2, 5), ELEMENT), 422, "wrong_type", "inputs[0].shape: must be that of the data, 1"),
    (extended(tensor(0, 0)), 422, "empty", "got 0"),
    (extended(tensor(1, 5, data=["a"]), ELEMENT), 422, "unknown_field", "may not stand beside"),
    (extended(tensor(1, 5), b"\x01\0\0\0\xff"), 400, "invalid_utf8", "inputs[0].data[0]: is not UTF-8 at byte 0"),
    (extended(tensor(1, 5), ELEMENT, Content_Type="text/plain"), 415, "unsupported_type", "plain text"),
    (post(tensor(1, 5)), 422, "unknown_field", "needs the header Inference-Header-Content-Length"),
    (
        post(tensors("a"), Inference_Header_Content_Length="7", Content_Length="99"), 400, "malformed_tensor",
        "Inference-Header-Content-Length: must be the number of bytes of the JSON",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "status", "kind", "words"), WRONG)
def test_raw_tensors_that_fit_nothing(parse: Parse, message: Message, status: int, kind: str, words: str) -> None:
    refused(parse(message), status, kind, words)


def test_an_element_that_is_no_text_costs_its_own_answer_alone(parse: Parse) -> None:
    found = parse(extended(tensor(3, 15), ELEMENT + b"\x01\0\0\0\xff" + ELEMENT))
    assert isinstance(found, Request)
    assert found.texts == ("a", "a")
    assert found.faults[1].message == "inputs[0].data[1]: is not UTF-8 at byte 0"


@settings(max_examples=300)
@given(head=st.binary(max_size=40), raw=st.binary(max_size=40), length=st.integers(0, 80))
def test_any_bytes_behind_a_header_are_read_or_refused(parse: Parse, head: bytes, raw: bytes, length: int) -> None:
    for document in (head, json.dumps(tensor(1, len(raw))).encode()):
        for n in (length, len(document)):
            found = parse(extended(None, Inference_Header_Content_Length=str(n)) | {"fields": [Field(document + raw)]})
            assert isinstance(found, Request) or found.status in (400, 413, 415, 422)


def test_grpc_cannot_ask_for_raw_tensors(parse: Parse) -> None:
    """It has no header to say where they begin."""
    document = tensors("a", parameters={"binary_data_output": True})
    refused(parse(grpc(body=json.dumps(document).encode())), 415, "unsupported_type", "gRPC has no header")
    found = answered(parse(post(document)), "a")
    assert found.tensor_options is not None
    assert found.tensor_options.binary == {"label", "label_id", "answer"}
