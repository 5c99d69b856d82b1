"""Every framing of a request, read by TorchServe's own code and then by ours: the texts that are meant, or a 4xx."""

import json
import zlib
from collections import Counter
from collections.abc import Callable
from gzip import compress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.refusal import Refusal
from handler.wire.coding import most_bytes
from handler.wire.request import Request
from tests.contract.parsing import LIMITS, Parse, answered, refused
from tests.contract.service_in_process import Field, Message, at_kserve, grpc, plain, post, request
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
