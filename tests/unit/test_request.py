"""Every shape in which TorchServe hands over a request, good and bad."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.refusal import Refusal
from handler.settings import Settings
from handler.wire.request import Request, Shape, parse_row

LIMITS = Settings(max_texts=4, max_chars=20, max_request_chars=50)
JSON = {"content-type": "application/json"}
PLAIN = {"content-type": "text/plain"}
HERE = {"url_path": ""}
"""What TorchServe sends along from its own addresses, and not from KServe's."""
FORM = {"content-type": "application/x-www-form-urlencoded"}


def parse(row: dict[str, Any], headers: dict[str, Any] | None = None) -> Request | Refusal:
    return parse_row(row, headers or {}, LIMITS)


def request(*texts: str, shape: Shape = Shape.ONE, explain: bool = False) -> Request:
    return Request(texts=texts, shape=shape, explain=explain)


ONE, MANY, INSTANCES = request("hi"), request("hi", "ho", shape=Shape.MANY), request("hi", "ho", shape=Shape.INSTANCES)


@pytest.mark.parametrize(
    ("row", "headers", "expected"),
    [
        ({"body": bytearray(b"hi")}, {}, ONE),
        ({"body": b"hi"}, {"content-type": "text/plain"}, ONE),
        ({"body": "hi"}, {"content-type": "text/plain; charset=utf-8"}, ONE),
        ({"data": bytearray(b"hi")}, {}, ONE),
        ({"data": "hi"}, {}, ONE),
        ({"body": {"text": "hi"}}, JSON, ONE),
        ({"data": {"text": "hi"}}, {}, ONE),
        ({"body": {"texts": ["hi", "ho"]}}, JSON, MANY),
        ({"body": {"instances": ["hi", "ho"]}}, JSON, INSTANCES),
        ({"body": {"instances": [{"text": "hi"}, {"text": "ho"}]}}, JSON, INSTANCES),
        ({"body": {"instances": ["hi", {"text": "ho"}]}}, JSON, INSTANCES),
        ({"body": bytearray(b'{"text": "hi"}')}, {}, ONE),
        ({"body": bytearray(b' \n{"texts": ["hi", "ho"]}')}, {}, MANY),
        ({"data": bytearray(b'{"text": "hi"}')}, {}, ONE),
        ({"text": bytearray(b"hi")}, FORM, ONE),
        ({"text": "hi"}, FORM, ONE),
        ({"texts": bytearray(b'["hi", "ho"]')}, FORM, MANY),
        ({"texts": ["hi", "ho"]}, {}, MANY),
        ({"instances": bytearray(b'[{"text": "hi"}, "ho"]')}, {}, INSTANCES),
    ],
)
def test_good_rows(row: dict[str, Any], headers: dict[str, Any], expected: Request) -> None:
    assert parse(row, headers) == expected


@pytest.mark.parametrize("kind", ["application/json", "application/ld+json", "application/JSON; charset=utf-8"])
def test_undecoded_json_is_read(kind: str) -> None:
    """With `decode_input_request=false`, or a type that the worker does not know, JSON arrives as bytes."""
    assert parse({"body": bytearray(b'{"text": "hi"}')}, {"content-type": kind}) == ONE
    refusal = parse({"body": bytearray(b'["hi"]')}, {"content-type": kind})
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.kind) == (422, "wrong_type")


def test_text_is_kept_to_the_character() -> None:
    for text in (" hi ", "é中😀", '{"not": "ours"}', "{", "a\x00b", "\u200b", "[SEP]"):
        assert parse({"body": text}, PLAIN) == request(text)
        assert parse({"body": text.encode()}, PLAIN) == request(text)
        assert parse({"body": {"text": text}}, JSON) == request(text)


@pytest.mark.parametrize(
    ("row", "headers"),
    [
        ({"body": "hi"}, {"explain": "True"} | HERE),
        ({"body": {"text": "hi", "explain": True}}, {"explain": "False"}),
        ({"body": {"text": "hi", "explain": "true"}}, {}),
        ({"body": {"text": "hi"}, "explain": True}, {}),
        ({"text": b"hi", "explain": b"True"}, {}),
        ({"text": b"hi", "explain": b"true"}, {"explain": "False"}),
        ({"body": b'{"text": "hi", "explain": true}'}, {}),
    ],
)
def test_explain_is_asked_for(row: dict[str, Any], headers: dict[str, Any]) -> None:
    assert parse(row, headers) == request("hi", explain=True)


@pytest.mark.parametrize("value", [b"true", bytearray(b"true"), "true", True])
@pytest.mark.parametrize("field", ["data", "body"])
def test_grpc_can_ask_for_an_explanation_beside_the_body(field: str, value: object) -> None:
    assert parse({field: bytearray(b"hi"), "explain": value}) == request("hi", explain=True)


@pytest.mark.parametrize("detail", ["verdict", "label"])
@pytest.mark.parametrize(
    ("row", "headers"),
    [
        ({"body": "hi"}, {"explain": "True"} | HERE),
        ({"body": {"text": "hi", "explain": True}}, {}),
        ({"text": b"hi", "explain": b"true"}, {}),
    ],
)
def test_explanations_are_refused_where_scores_are_not_told(
    row: dict[str, Any], headers: dict[str, Any], detail: Any
) -> None:
    guarded = LIMITS.model_copy(update={"detail": detail})
    refusal = parse_row(row, headers, guarded)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.kind) == (403, "explanation_withheld")
    assert f"detail: {detail}" in refusal.message
    assert parse_row({"body": "hi"}, {"explain": "False"} | HERE, guarded) == ONE


@pytest.mark.parametrize("value", ["False", "false", False])
def test_explain_can_be_declined(value: str | bool) -> None:
    assert parse({"body": {"text": "hi", "explain": value}}) == ONE
    assert parse({"body": "hi"}, {"explain": str(value)} | HERE) == ONE


@pytest.mark.parametrize(
    ("row", "headers", "status", "kind", "words"),
    [
        ({"body": b'{"text": "hi"'}, JSON, 400, "malformed_json", "body: is not valid JSON"),
        ({"body": b"hi"}, JSON, 400, "malformed_json", "body: is not valid JSON"),
        ({"body": b"\xff\xfe"}, {}, 400, "invalid_utf8", "body: is not UTF-8 at byte 0"),
        ({"body": b"ok\xff"}, JSON, 400, "invalid_utf8", "body: is not UTF-8 at byte 2"),
        ({"text": b"a\x80"}, FORM, 400, "invalid_utf8", "text: is not UTF-8 at byte 1"),
        ({"mine": b"\x80"}, FORM, 400, "invalid_utf8", "a field: is not UTF-8"),
        ({"texts": b"hi"}, FORM, 400, "malformed_json", "texts: must be a JSON list"),
        ({"texts": b"[" * 100_000}, FORM, 400, "malformed_json", "texts: must be a JSON list"),
        ({"texts": b"1" * 5000}, FORM, 400, "malformed_json", "texts: must be a JSON list"),
        ({'{"text":"hi"}': b""}, FORM, 415, "json_as_form", "body: JSON was sent as a form; send"),
        ({' {"text":"a': b'b"}'}, FORM, 415, "json_as_form", "Content-Type: application/json"),
        ({}, {}, 422, "missing_text", "exactly one of text, texts, instances, inputs"),
        ({"body": {}}, JSON, 422, "missing_text", "exactly one of"),
        ({"body": {"text": "hi", "texts": ["hi"]}}, JSON, 422, "missing_text", "exactly one of"),
        ({"text": b"hi", "instances": b"[]"}, FORM, 422, "missing_text", "exactly one of"),
        ({"body": {"txt": "hi"}}, JSON, 422, "unknown_field", "known: text, texts, instances, inputs, explain"),
        ({"body": {"text": "hi", "x": 1, "y": 2}}, JSON, 422, "unknown_field", "2 unknown field(s)"),
        ({"file": b"hi"}, FORM, 422, "unknown_field", "1 unknown field(s)"),
        ({"body": ["hi"]}, JSON, 422, "wrong_type", "body: must be a JSON object, got a list"),
        ({"body": 5}, JSON, 422, "wrong_type", "got a number"),
        ({"body": 5.5}, JSON, 422, "wrong_type", "got a number"),
        ({"body": True}, JSON, 422, "wrong_type", "got a boolean"),
        ({"body": None}, JSON, 422, "wrong_type", "got null"),
        ({"body": {"text": 5}}, JSON, 422, "wrong_type", "text: must be a string, got a number"),
        ({"body": {"text": None}}, JSON, 422, "wrong_type", "text: must be a string, got null"),
        ({"body": {"text": ["hi"]}}, JSON, 422, "wrong_type", "text: must be a string, got a list"),
        ({"body": {"text": {"text": "hi"}}}, JSON, 422, "wrong_type", "text: must be a string, got an object"),
        ({"body": {"texts": "hi"}}, JSON, 422, "wrong_type", "texts: must be a list, got a string"),
        ({"body": {"texts": {"0": "hi"}}}, JSON, 422, "wrong_type", "texts: must be a list, got an object"),
        ({"body": {"texts": [5, "", 6]}}, JSON, 422, "wrong_type", "texts[0]: must be a string, got a number"),
        ({"body": {"texts": [["hi"]]}}, JSON, 422, "wrong_type", "texts[0]: must be a string, got a list"),
        ({"body": {"texts": [{"text": "hi"}]}}, JSON, 422, "wrong_type", "texts[0]: must be a string, got an object"),
        ({"body": {"instances": [{"data": "hi"}]}}, JSON, 422, "wrong_type", "instances[0]: must be a string"),
        ({"body": {"instances": [{"text": "a", "b": 1}]}}, JSON, 422, "wrong_type", "instances[0]: must be a string"),
        ({"body": {"instances": [{"text": 5}]}}, JSON, 422, "wrong_type", "instances[0]: must be a string, got a num"),
        ({"body": {"instances": [["hi"]]}}, JSON, 422, "wrong_type", "instances[0]: must be a string, got a list"),
        ({"body": {"text": "hi", "explain": "yes"}}, JSON, 422, "wrong_type", "explain: must be true or false"),
        ({"body": {"text": "hi", "explain": 1}}, JSON, 422, "wrong_type", "explain: must be true or false"),
        ({"body": {"text": "hi", "explain": None}}, JSON, 422, "wrong_type", "explain: must be true or false"),
        ({"body": "hi"}, {"explain": "maybe"}, 422, "wrong_type", "explain: must be true or false"),
        ({"body": ""}, {}, 422, "empty", "text: must not be empty"),
        ({"body": b""}, {}, 422, "empty", "text: must not be empty"),
        ({"body": {"text": " \t\n"}}, JSON, 422, "empty", "text: must not be empty"),
        ({"body": {"texts": ["", 5]}}, JSON, 422, "empty", "texts[0]: must not be empty"),
        ({"body": {"texts": []}}, JSON, 422, "empty", "texts: 1 to 4 texts are allowed, got 0"),
        ({"body": {"instances": []}}, JSON, 422, "empty", "instances: 1 to 4 texts are allowed, got 0"),
        ({"body": {"texts": ["hi"] * 5}}, JSON, 413, "too_many_texts", "texts: 1 to 4 texts are allowed, got 5"),
        ({"body": "a" * 21}, {}, 413, "too_long", "text: 20 characters are allowed, got 21"),
        ({"body": b'{"a":' * 100_000}, {}, 400, "malformed_json", "body: begins like JSON and is not valid"),
        ({"body": b'{"a":' * 100_000}, PLAIN, 413, "too_long", "text: 20 characters are allowed, got 500000"),
        ({"body": {"texts": ["b" * 21]}}, JSON, 413, "too_long", "texts[0]: 20 characters are allowed, got 21"),
        ({"body": {"texts": ["a" * 20] * 3}}, JSON, 413, "too_long", "texts: 50 characters are allowed in all, got 60"),
        ({"body": {"text": "a\ud800"}}, JSON, 422, "invalid_unicode", "text: "),
        ({"body": {"texts": ["\udfff", "\udfff"]}}, JSON, 422, "invalid_unicode", "texts[0]: "),
        ({"body": b'{"text": "\\ud800"}'}, {}, 422, "invalid_unicode", "text: "),
    ],
)  # fmt: skip
def test_bad_rows(row: dict[str, Any], headers: dict[str, Any], status: int, kind: str, words: str) -> None:
    refusal = parse(row, headers)
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.kind) == (status, kind)
    assert words in refusal.message
    assert refusal.message.isascii()
    assert "\n" not in refusal.message


FAULTY: list[tuple[Any, int, str]] = [
    (5, 422, "must be a string, got a number"),
    (None, 422, "must be a string, got null"),
    (["hi"], 422, "must be a string, got a list"),
    ({"txt": "hi"}, 422, "must be a string, got an object"),
    ("", 422, "must not be empty"),
    ("\ufeff \n", 422, "must not be empty"),
    ("b" * 21, 413, "20 characters are allowed, got 21"),
    ("a\ud800", 422, "text: character 1 is a lone surrogate"),
]


@pytest.mark.parametrize("field", ["texts", "instances", "inputs"])
@pytest.mark.parametrize(("fault", "status", "words"), FAULTY)
def test_a_faulty_text_costs_its_own_answer_alone(field: str, fault: Any, status: int, words: str) -> None:
    texts = ["hi", fault, "ho"]
    tensor = {"name": "text", "shape": [3], "datatype": "BYTES", "data": texts}
    found = parse({"body": {field: [tensor] if field == "inputs" else texts}}, JSON)
    assert isinstance(found, Request)
    assert (found.texts, found.places, list(found.faults)) == (("hi", "ho"), [0, 2], [1])
    assert found.faults[1].status == status
    assert found.faults[1].message.startswith(f"{Shape(field).place(1)}: {words}")
    assert found.in_order(["first", "last"]) == ["first", found.faults[1], "last"]


def test_what_cannot_be_judged_does_not_count_as_length() -> None:
    found = parse({"body": {"texts": ["a" * 20, "b" * 100, "c" * 20]}}, JSON)
    assert isinstance(found, Request)
    assert found.texts == ("a" * 20, "c" * 20)


@pytest.mark.parametrize(
    "row", [{"body": "hi", "data": "ho"}, {"body": "hi", "text": "ho"}, {"data": b"hi", "x": b"1"}]
)
def test_a_second_field_beside_the_body_is_refused(row: dict[str, Any]) -> None:
    """Refuse, do not guess which one was meant."""
    assert isinstance(parse(row), Refusal)


def test_limits_are_inclusive() -> None:
    assert parse({"body": "a" * 20}) == request("a" * 20)
    texts = ("a" * 20, "b" * 20, "c" * 9, "d")
    assert parse({"body": {"texts": list(texts)}}) == request(*texts, shape=Shape.MANY)


MARK = "s3cret"
marked = st.text(max_size=12).map(lambda text: MARK + text)
names = st.sampled_from(["text", "texts", "instances", "explain", "body", "data"]) | marked | st.just("{" + MARK)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | marked | st.just("") | st.just(MARK + "\ud800")
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
raw = (
    st.binary(max_size=12).map(lambda data: MARK.encode() + data)
    | st.text(max_size=20).map(lambda text: (MARK + text).encode())
    | values.map(lambda value: json.dumps(value).encode())
)
rows = st.dictionaries(names, values | raw | raw.map(bytearray), max_size=4)
headers_of = st.dictionaries(
    st.sampled_from(["content-type", "explain", "describe", "accept"]) | marked,
    st.sampled_from(["application/json", "text/plain", "True", "false", ""]) | marked,
    max_size=3,
)


@settings(max_examples=400)
@given(row=rows, headers=headers_of)
def test_any_row_becomes_a_request_or_a_refusal(row: dict[str, Any], headers: dict[str, Any]) -> None:
    parsed = parse(row, headers)
    if isinstance(parsed, Refusal):
        assert MARK not in parsed.message
        assert parsed.status in (400, 413, 415, 422)
    else:
        assert 1 <= len(parsed.texts) <= LIMITS.max_texts
        assert all(text.strip() and len(text) <= LIMITS.max_chars and text.encode() for text in parsed.texts)
        assert not any(MARK in fault.message for fault in parsed.faults.values())
        assert parsed.shape is not Shape.ONE or len(parsed.texts) == 1


@settings(max_examples=200)
@given(
    text=st.text(min_size=1, max_size=20).filter(lambda text: text.strip("\ufeff ").strip()),
    wrap=st.sampled_from(["json", "form", "grpc", "list"]),
)
def test_any_text_gets_through_unchanged(text: str, wrap: str) -> None:
    """Sanity arm of the test above: not everything is refused."""
    rows_by_way: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "json": ({"body": {"text": text}}, JSON),
        "form": ({"text": text.encode()}, FORM),
        "grpc": ({"text": bytearray(text.encode())}, {}),
        "list": ({"body": {"texts": [text]}}, JSON),
    }
    parsed = parse(*rows_by_way[wrap])
    assert isinstance(parsed, Request)
    assert parsed.texts == (text.lstrip("\ufeff"),)
