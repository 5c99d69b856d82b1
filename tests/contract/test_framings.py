"""Every framing of a request, read by TorchServe's own code and then by ours: the texts that are meant, or a 4xx."""

import json
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from gzip import compress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.refusal import Refusal
from handler.settings import Settings
from handler.wire.coding import most_bytes
from handler.wire.request import Request, parse_row
from handler.xgraad_handler import arrived
from tests.contract.service_in_process import (
    END,
    Field,
    Message,
    Socket,
    Worker,
    at_kserve,
    grpc,
    on_the_wire,
    plain,
    post,
    request,
    tensors,
    unpacked,
)
from tests.framings import (
    FORM,
    JSON_TYPES,
    MARK,
    OTHER_CHARSETS,
    OTHER_CODINGS,
    OTHER_TYPES,
    UNDECLARED,
    Framed,
    binary,
    framings,
)
from tests.hostile import encoded
from tests.toys import SENTENCES

LIMITS = Settings(max_request_chars=2_000)
Parse = Callable[[Message], Request | Refusal]
OCTETS = "application/octet-stream"


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


def refused(found: Request | Refusal, status: int, kind: str, *words: str) -> None:
    assert isinstance(found, Refusal), found
    assert (found.status, found.kind) == (status, kind), found
    for word in words:
        assert word in found.message


def answered(found: Request | Refusal, *texts: str) -> Request:
    assert isinstance(found, Request), found
    assert (found.texts, found.faults) == (texts, {})
    return found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("n", [1_500, pytest.param(20_000, marks=pytest.mark.slow)])
def test_any_framing_means_its_texts_or_is_refused(parse: Parse, n: int) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=n, suppress_health_check=list(HealthCheck), deadline=None)
    @given(case=framings)
    def hold(case: Framed) -> None:
        found = parse(case.message)
        if isinstance(found, Request):
            assert case.answers
            assert (found.texts, found.faults) == (case.texts, {})
        else:
            assert found.status in case.refusals, found
            assert case.named in found.message
            assert MARK not in found.message
            assert found.message.isascii()
            assert found.message.isprintable()
        seen["answered" if isinstance(found, Request) else found.kind] += 1

    hold()
    assert seen["answered"] > n / 10
    assert set(seen) >= {"unsupported_type", "unsupported_charset", "unsupported_encoding", "malformed_json"}


@pytest.mark.parametrize("kind", [*JSON_TYPES, *UNDECLARED])
@pytest.mark.parametrize("document", [["a fine film", "a dull film"], [{"text": "a"}], {"data": "a"}, {"txt": "a"}])
def test_json_in_a_shape_that_is_not_read_is_never_a_text(parse: Parse, kind: str, document: Any) -> None:
    source = json.dumps(document).encode()
    for message in (request(Field(source, content_type=kind), Content_Type=kind), request(Field(source))):
        found = parse(message)
        assert isinstance(found, Refusal)
        assert found.status == 422
    assert isinstance(parse(grpc(body=json.dumps(document).encode())), Refusal)


@pytest.mark.parametrize("source", ['{"text": "a"', "{'text': 'a'}", '["a", "b"', '{"text": "a"}\n{"text": "b"}', "{"])
def test_what_begins_like_json_and_is_none_is_refused(parse: Parse, source: str) -> None:
    for message in (request(Field(source.encode())), grpc(data=source.encode())):
        refused(parse(message), 400, "malformed_json", "begins like JSON", "text/plain")
    answered(parse(plain(source)), source)
    answered(parse(grpc(text=source.encode())), source)


@pytest.mark.parametrize("source", ["5", "true", "null", '"a fine film"', "1e5"])
def test_what_could_be_json_or_a_text_must_be_declared(parse: Parse, source: str) -> None:
    refused(parse(request(Field(source.encode()))), 415, "unsupported_type", "JSON or a text", "text/plain")
    answered(parse(plain(source)), source)


@pytest.mark.parametrize("charset", ["utf-16le", "utf-16be", "utf-32le", "utf-16"])
@pytest.mark.parametrize("source", ["a film", '{"text": "a film"}'])
def test_bytes_of_another_charset_are_no_text_unless_they_say_so(parse: Parse, charset: str, source: str) -> None:
    found = parse(request(Field(source.encode(charset))))
    assert isinstance(found, Refusal)
    assert found.status in (400, 415)
    kind = "application/json" if source.startswith("{") else "text/plain"
    said = request(Field(source.encode(charset), content_type=kind), Content_Type=f"{kind}; charset={charset}")
    answered(parse(said), "a film")


@pytest.mark.parametrize("source", ["[sic] a film", "it is {fine}", "5 stars", 'a "fine" film', "[SEP]", "null film"])
def test_texts_with_brackets_and_quotes_are_texts(parse: Parse, source: str) -> None:
    answered(parse(request(Field(source.encode()))), source)
    answered(parse(grpc(body=source.encode())), source)


def test_at_kserves_addresses_there_is_json_alone(parse: Parse) -> None:
    for message in (
        plain("a fine film"),
        request(Field(b"a fine film", "text"), Content_Type=FORM),
        request(Field(b"a fine film", content_type="text/plain")),
    ):
        answered(parse(message), "a fine film")
        refused(parse(at_kserve(message)), 415, "unsupported_type", "at /v1 and /v2 a body is JSON")
    refused(parse(at_kserve(request(Field(b"a fine film")))), 400, "malformed_json")
    refused(parse(at_kserve(post("a fine film"))), 422, "wrong_type", "got a string")
    undeclared = request(Field(json.dumps({"instances": ["a"]}).encode()))
    answered(parse(at_kserve(undeclared)), "a")


def test_a_second_content_type_that_differs_is_refused(parse: Parse) -> None:
    """TorchServe reads the body by the first and shows the last."""
    twice = request(Field(b'{"text": "a"}', content_type="application/json"), Content_Type="text/plain")
    refused(parse(twice), 415, "unsupported_type", "must be sent once")


@pytest.mark.parametrize("name", OTHER_TYPES)
def test_other_types_are_named(parse: Parse, name: str) -> None:
    refused(parse(request(Field(b"a", content_type=name), Content_Type=name)), 415, "unsupported_type", name)


@pytest.mark.parametrize("name", [*OTHER_CHARSETS, "utf-8-sig", "klingon", "\x1b[31m"])
def test_other_charsets_are_named_if_anybody_knows_them(parse: Parse, name: str) -> None:
    message = request(Field(b"a", content_type="text/plain"), Content_Type=f"text/plain; charset={name}")
    named = "an unknown one" if name in ("klingon", "\x1b[31m") else name
    refused(parse(message), 415, "unsupported_charset", named, "UTF-16LE")


@pytest.mark.parametrize("name", [*OTHER_CODINGS, "klingon", "\x1b[31m"])
@pytest.mark.parametrize("header", ["Content_Encoding", "Transfer_Encoding", "Content_Transfer_Encoding"])
def test_other_codings_are_named_if_anybody_knows_them(parse: Parse, name: str, header: str) -> None:
    named = "an unknown one" if name in ("klingon", "\x1b[31m") else name
    refused(parse(post({"text": "a"}, **{header: name})), 415, "unsupported_encoding", named)


def test_a_charset_must_be_one_and_true(parse: Parse) -> None:
    def typed(data: bytes, kind: str) -> Message:
        return request(Field(data, content_type=kind.partition(";")[0]), Content_Type=kind)

    refused(parse(typed(b"a", "text/plain; charset=utf-8; charset=utf-16")), 415, "unsupported_charset", "once")
    refused(parse(typed(b"a\x00", "text/plain; charset=utf-16")), 400, "invalid_charset", "UTF-16LE or UTF-16BE")
    refused(parse(typed(b"a\xff", "text/plain; charset=us-ascii")), 400, "invalid_charset", "US-ASCII at byte 1")
    refused(parse(typed(b"abc", "text/plain; charset=utf-16le")), 400, "invalid_charset", "UTF-16LE at byte 2")
    refused(parse(typed(b'{"text": "a"}', "application/json; charset=utf-16")), 415, "unsupported_charset", "as UTF-8")
    answered(parse(typed(b"\xe9", "text/plain;CHARSET='Latin-1' ; x=y")), "é")


@pytest.mark.parametrize("pack", [compress, zlib.compress])
def test_a_coding_must_be_true_and_whole(parse: Parse, pack: Callable[[bytes], bytes]) -> None:
    coding = "gzip" if pack is compress else "deflate"
    whole = pack(b'{"text": "a fine film"}')
    answered(parse(post(whole, Content_Encoding=coding.upper())), "a fine film")
    answered(parse(post(whole, Content_Encoding=f"identity, {coding}", Transfer_Encoding="chunked")), "a fine film")
    for damaged in (whole[:-3], whole + b"\x00", whole + whole, whole[1:], b"", b'{"text": "a"}', whole[:15]):
        refused(parse(post(damaged, Content_Encoding=coding)), 400, "malformed_encoding", coding)
    form = request(Field(b"a", "text"), Content_Type=FORM, Content_Encoding=coding)
    refused(parse(form), 415, "unsupported_encoding", coding, "of a form")


@pytest.mark.parametrize("pack", [compress, zlib.compress])
def test_a_bomb_is_refused_before_it_is_unpacked(parse: Parse, pack: Callable[[bytes], bytes]) -> None:
    coding = "gzip" if pack is compress else "deflate"
    most = most_bytes(LIMITS)
    for size in (most + 1, 50_000_000):
        refused(parse(post(pack(b" " * size), Content_Encoding=coding)), 413, "too_long", f"{most} bytes are allowed")
    room = b'{"text": "a"}'.ljust(most)
    answered(parse(post(pack(room), Content_Encoding=coding)), "a")


def test_what_fits_the_limits_fits_when_packed(parse: Parse) -> None:
    """The longest JSON that as many characters can be."""
    text = "\U0001f600" * LIMITS.max_request_chars
    answered(parse(post(compress(json.dumps({"text": text}).encode()), Content_Encoding="gzip")), text)


@pytest.mark.parametrize("charset", ["utf-8", "utf-16le", "utf-32be"])
def test_a_mark_is_no_part_of_a_text(parse: Parse, charset: str) -> None:
    kind = f"text/plain; charset={charset}"
    marked = "\ufeffa \ufefffilm"
    found = parse(request(Field(marked.encode(charset), content_type="text/plain"), Content_Type=kind))
    answered(found, "a \ufefffilm")
    answered(parse(post({"texts": [marked, "b"]})), "a \ufefffilm", "b")
    answered(parse(post(b"\xef\xbb\xbf" + json.dumps({"text": marked}).encode())), "a \ufefffilm")
    answered(parse(request(Field(b"\xef\xbb\xbf" + json.dumps({"text": marked}).encode()))), "a \ufefffilm")
    answered(parse(request(Field(marked.encode(), "text"), Content_Type=FORM)), "a \ufefffilm")
    answered(parse(grpc(text=marked.encode())), "a \ufefffilm")
    answered(parse(binary([marked])), "a \ufefffilm")


def test_a_form_says_its_charset_in_its_header_or_a_field(parse: Parse) -> None:
    latin = Field("été".encode("latin-1"), "text")
    answered(parse(request(latin, Content_Type=f"{FORM}; charset=iso-8859-1")), "été")
    answered(parse(request(latin, Field(b"ISO-8859-1", "_charset_"), Content_Type=FORM)), "été")
    refused(parse(request(latin, Content_Type=FORM)), 400, "invalid_utf8")
    refused(parse(request(latin, Field(b"koi8-r", "_charset_"), Content_Type=FORM)), 415, "unsupported_charset")


def test_a_forms_parts_are_what_they_declare(parse: Parse) -> None:
    multipart = {"Content_Type": "multipart/form-data; boundary=x"}

    def part(value: bytes, name: str, kind: str) -> Request | Refusal:
        return parse(request(Field(value, name, kind), **multipart))

    answered(part(b'{"text": "a"}', "body", "application/json"), "a")
    answered(part(b'{"text": "a"}', "data", "text/json"), "a")
    answered(part(b'["a", "b"]', "texts", "text/plain"), "a", "b")
    answered(part(b'"a"', "text", "text/json"), "a")
    answered(part(b"a", "text", "application/octet-stream"), "a")
    refused(part(b'{"text": ', "text", "application/json"), 400, "malformed_json", "text: is not valid JSON")
    refused(part(b'["a"]', "text", "application/json"), 422, "wrong_type", "got a list")
    refused(part(b"a", "text", "image/png"), 415, "unsupported_type", "image/png")
    refused(part(b"a", "text", FORM), 415, "unsupported_type")


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


@pytest.mark.parametrize("name", ["serving_default", None])
def test_a_signature_that_says_nothing_is_accepted(parse: Parse, name: str | None) -> None:
    answered(parse(post({"instances": ["a"], "signature_name": name})), "a")
    refused(parse(post({"texts": ["a"], "signature_name": name})), 422, "unknown_field")
    refused(parse(post({"instances": ["a"], "signature_name": "other"})), 422, "unknown_field")


@given(name=st.text(max_size=20).map(lambda text: MARK + text), where=st.sampled_from(["type", "charset", "coding"]))
def test_no_refusal_repeats_what_anybody_could_have_sent(parse: Parse, name: str, where: str) -> None:
    headers = {
        "type": {"Content_Type": f"text/{name}"},
        "charset": {"Content_Type": f"text/plain; charset={name}"},
        "coding": {"Content_Encoding": name},
    }[where]
    printable = {key: encoded(value).decode("utf-8", "replace") for key, value in headers.items()}
    found = parse(post({"text": "a"}, **printable))
    assert isinstance(found, Refusal)
    assert MARK not in found.message


@pytest.fixture(scope="module")
def worker(
    checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> Worker:
    folder = tmp_path_factory.mktemp("models") / "toy"
    return Worker(unpacked(checkpoints["bert"], folder, rule="conformal", max_chars=400, max_texts=4), torchserve)


def elements(raw: bytes) -> list[str]:
    """What BYTES hold, read by hand."""
    found = []
    while raw:
        (length,) = struct.unpack("<I", raw[:4])
        found.append(raw[4 : 4 + length].decode())
        raw = raw[4 + length :]
    return found


def test_raw_tensors_come_back_to_who_asks_for_them(worker: Worker) -> None:
    texts = SENTENCES[:2]
    asked, as_json, neighbor = worker(
        at_kserve(binary(texts, all_binary=True)), at_kserve(binary(texts)), post({"texts": texts})
    )
    assert [answer.status for answer in (asked, as_json, neighbor)] == [200] * 3
    assert (asked.content_type, as_json.content_type) == (OCTETS, "application/json")
    head_bytes = int(asked.headers["Inference-Header-Content-Length"])
    document, raw = json.loads(asked.body[:head_bytes]), asked.body[head_bytes:]
    assert document["model_name"] == "toy"
    sizes = [output["parameters"]["binary_data_size"] for output in document["outputs"]]
    assert sum(sizes) == len(raw)
    assert not any("data" in output for output in document["outputs"])
    label, label_id, answer = raw[: sizes[0]], raw[sizes[0] : -sizes[2]], raw[-sizes[2] :]
    assert elements(label) == as_json.document["outputs"][0]["data"] == [each["label"] for each in neighbor.document]
    assert list(struct.unpack("<2q", label_id)) == as_json.document["outputs"][1]["data"]
    assert [json.loads(each)["label"] for each in elements(answer)] == elements(label)
    assert "Inference-Header-Content-Length" not in as_json.headers


@pytest.mark.parametrize("all_binary", [True, False])
def test_one_output_may_be_raw_and_another_not(worker: Worker, all_binary: bool) -> None:
    wanted = [{"name": "label_id", "parameters": {"binary_data": not all_binary}}, {"name": "label"}]
    (answer,) = worker(
        post(tensors(SENTENCES[0], outputs=wanted, parameters={"binary_data_output": all_binary}, id="7"))
    )
    head_bytes = int(answer.headers["Inference-Header-Content-Length"])
    document = json.loads(answer.body[:head_bytes])
    assert document["id"] == "7"
    label_id, label = document["outputs"]
    assert ["data" in output for output in (label_id, label)] == [all_binary, not all_binary]


def test_faulty_texts_take_their_places_in_every_shape(worker: Worker) -> None:
    texts = ["", SENTENCES[0], 5, SENTENCES[1]]
    many, instances, inputs, alone = worker(
        post({"texts": texts}),
        post({"instances": texts}, explain="True"),
        post(tensors(*texts)),  # type: ignore[arg-type]
        post({"texts": [SENTENCES[0], SENTENCES[1]]}),
    )
    assert [answer.status for answer in (many, instances, inputs)] == [200] * 3
    kinds = [each.get("error", {}).get("type") for each in many.document]
    assert kinds == ["empty", None, "wrong_type", None]
    labels = [each["label"] for each in alone.document]
    assert [many.document[place]["label"] for place in (1, 3)] == labels
    explained = instances.document["explanations"]
    assert ["words" in each for each in explained] == [False, True, False, True]
    label, label_id, answer = (output["data"] for output in inputs.document["outputs"])
    assert label == ["", labels[0], "", labels[1]]
    assert (label_id[0], label_id[2]) == (-1, -1)
    assert [json.loads(each).get("error", {}).get("type") for each in answer] == kinds


def test_when_all_texts_are_faulty_the_request_is_refused(worker: Worker) -> None:
    first, good = worker(post({"texts": ["", 5]}), post({"text": SENTENCES[0]}))
    assert (first.status, first.document["error"]["type"], good.status) == (422, "empty", 200)
