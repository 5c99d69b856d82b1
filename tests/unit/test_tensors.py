"""Bodies of the open inference protocol: which are read, which are refused, and what goes back."""

import json
from typing import Any

import pytest

from handler.refusal import Refusal
from handler.settings import OnTrigger, Settings
from handler.wire.request import Request, Shape, parse_row
from handler.wire.tensors import MAX_ID_CHARS, OUTPUTS
from tests.samples import a_verdict, replied

LIMITS = Settings(max_texts=3, max_chars=20)


def tensor(*texts: Any, **changed: Any) -> dict[str, Any]:
    return {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)} | changed


def body(*inputs: Any, **beside: Any) -> dict[str, Any]:
    return {"inputs": list(inputs), **beside}


def parse(document: Any, **headers: str) -> Request | Refusal:
    return parse_row({"body": document}, {"content-type": "application/json"} | headers, LIMITS)


def parsed(document: Any, **headers: str) -> Request:
    found = parse(document, **headers)
    assert isinstance(found, Request), found
    return found


@pytest.mark.parametrize(
    "inputs",
    [
        tensor("a", "b"),
        tensor("a", "b", shape=[2, 1]),
        tensor("a", "b", shape=[1, 2]),
        tensor(["a"], ["b"], shape=[2, 1]),
        tensor(["a", "b"], shape=[1, 2]),
        tensor("a", "b", name=""),
        tensor("a", "b", parameters=None),
        tensor("a", "b", parameters={"content_type": "str"}),
    ],
)
def test_forms_of_two_texts(inputs: dict[str, Any]) -> None:
    found = parsed(body(inputs))
    assert (found.texts, found.shape, found.explain) == (("a", "b"), Shape.INPUTS, False)
    assert found.tensor_options is not None
    assert (found.tensor_options.id, found.tensor_options.outputs) == (None, OUTPUTS)


NOTES: list[Any] = [{"content_type": "str"}, {"content_type": "str", "other": None}, {}, None]


@pytest.mark.parametrize("note", NOTES)
def test_harmless_notes_are_accepted_at_every_level(note: Any) -> None:
    plain = parsed(body(tensor("a"), outputs=[{"name": "label"}]))
    noted = body(tensor("a", parameters=note), parameters=note, outputs=[{"name": "label", "parameters": note}])
    assert parsed(noted) == plain


def test_what_stands_beside_the_inputs() -> None:
    asked = body(tensor("a"), id="7\n<é>", outputs=[{"name": "label_id"}, {"name": "label", "parameters": {}}])
    options = parsed(asked).tensor_options
    assert options is not None
    assert (options.id, options.outputs) == ("7\n<é>", ("label_id", "label"))
    nothing = parsed(body(tensor("a"), id=None, outputs=None, parameters=None)).tensor_options
    assert (
        nothing
        == parsed(body(tensor("a"), outputs=[], parameters={})).tensor_options
        == parsed(body(tensor("a"))).tensor_options
    )


def test_the_same_from_bytes_grpc_and_other_addresses() -> None:
    document = body(tensor("a"), id="7")
    expected = parsed(document)
    raw = json.dumps(document).encode()
    rows: list[dict[str, Any]] = [
        {"body": raw},
        {"data": bytearray(raw)},
        {"inputs": json.dumps(document["inputs"]).encode(), "id": b"7"},
    ]
    assert [parse_row(row, {}, LIMITS) for row in rows] == [expected] * 3


@pytest.mark.parametrize(
    ("document", "headers"),
    [
        (body(tensor("a"), parameters={"explain": True}), {}),
        (body(tensor("a"), parameters={"explain": "true"}), {"explain": "False"}),
        (body(tensor("a"), explain=True), {}),
        (body(tensor("a")), {"explain": "True"}),
    ],
)
def test_explanations(document: Any, headers: dict[str, str]) -> None:
    assert parsed(document, **headers).explain
    assert not parsed(body(tensor("a"), parameters={"explain": False}), explain="False").explain


WRONG: dict[str, list[Any]] = {
    "inputs: must be a list of one tensor": [
        {"inputs": "a"},
        {"inputs": {}},
        body(),
        body("a"),
        body(tensor("a"), tensor("b"), tensor("c")),
    ],
    "inputs: two tensors must be named text and text_pair": [body(tensor("a"), tensor("b"))],
    "inputs[0]: has unknown fields": [body(tensor("a", more=1))],
    "and the datatype BYTES": [
        body(tensor(1.5, datatype="FP32")),
        body(tensor("a", datatype="bytes")),
        body({"data": ["a"]}),
        body(tensor("a", name=None)),
        body(tensor("a", datatype=["BYTES"])),
    ],
    "inputs[0].parameters: none is known": [
        body(tensor("YQ==", parameters={"content_type": "base64"})),
        body(tensor("a", parameters={"content_type": None, "charset": "x"})),
    ],
    "inputs[0].parameters.binary_data_size: needs the header Inference-Header-Content-Length": [
        body(tensor("a", parameters={"binary_data_size": 4})),
        body({"name": "a", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}),
    ],
    "inputs[0].parameters: must be an object": [body(tensor("a", parameters=[]))],
    "inputs[0].data: must be a list, got a string": [body(tensor(data="a", shape=[1]))],
    "inputs[0].data: must be a list, got null": [body({"name": "a", "shape": [1], "datatype": "BYTES"})],
    "inputs[0].shape: must be that of the data": [
        body(tensor("a", shape=[2])),
        body(tensor("a", shape=[])),
        body(tensor("a", shape=None)),
        body(tensor("a", shape="1")),
        body(tensor("a", shape=[True])),
        body(tensor("a", shape=[1.0])),
        body(tensor("a", shape=[-1, -1])),
        body(tensor("a", shape=[1, 1, 1])),
        body(tensor(["a"], shape=[1])),
        body(tensor(["a", "b"], ["c"], shape=[3, 1])),
        body(tensor(["a", "b"], ["c"], ["d", "e", "f"], shape=[3, 2])),
    ],
    "inputs[0].data[0]: must be a string, got a number": [body(tensor(5)), body(tensor(5, 6, 7))],
    "inputs[0].data[0]: must be a string, got a list": [body(tensor([["a"]], shape=[1, 1]))],
    "inputs[0].data[0]: must not be empty": [body(tensor(" "))],
    "inputs[0].data[0]: 20 characters are allowed, got 21": [body(tensor("a" * 21))],
    "inputs[0].data[0]: text: character 1 is a lone surrogate": [body(tensor("a\ud800"))],
    "inputs: 1 to 3 texts are allowed, got 4": [body(tensor(*"abcd"))],
    "inputs: 1 to 3 texts are allowed, got 0": [body(tensor())],
    "id: must be a string of 1 to": [
        body(tensor("a"), id=5),
        body(tensor("a"), id=""),
        body(tensor("a"), id="x" * (MAX_ID_CHARS + 1)),
    ],
    "id: text: character 0 is a lone surrogate": [body(tensor("a"), id="\ud800")],
    "outputs: must be a list of objects": [body(tensor("a"), outputs={}), body(tensor("a"), outputs=["label"])],
    "outputs: nothing is known of an output": [body(tensor("a"), outputs=[{"name": "label", "data": 1}])],
    "outputs[0].parameters: none is known but binary_data and content_type: str": [
        body(tensor("a"), outputs=[{"name": "label", "parameters": {"classification": 1}}]),
        body(tensor("a"), outputs=[{"name": "label", "parameters": {"content_type": "base64"}}]),
    ],
    "outputs[1].parameters.binary_data: must be true or false, got a number": [
        body(tensor("a"), outputs=[{"name": "label"}, {"name": "answer", "parameters": {"binary_data": 1}}]),
    ],
    "parameters.binary_data_output: must be true or false": [
        body(tensor("a"), parameters={"binary_data_output": "true"}),
    ],
    "outputs: the names are label, label_id, answer": [
        body(tensor("a"), outputs=[{}]),
        body(tensor("a"), outputs=[{"name": "logits"}]),
        body(tensor("a"), outputs=[{"name": []}]),
        body(tensor("a"), outputs=[{"name": "label"}] * 2),
    ],
    "parameters: none is known but explain, binary_data_output and content_type: str": [
        body(tensor("a"), parameters={"timeout": 5}),
        body(tensor("a"), parameters={"content_type": "np"}),
    ],
    "parameters: must be an object, got a list": [body(tensor("a"), parameters=[1])],
    "parameters.explain: must be true or false": [body(tensor("a"), parameters={"explain": 1})],
    "exactly one of": [
        body(tensor("a"), text="a"),
        {"id": "7", "outputs": [], "inputs": [tensor("a")], "texts": ["b"]},
    ],
    "1 unknown field(s)": [{"text": "a", "id": "7"}, {"texts": ["a"], "outputs": []}, body(tensor("a"), model="x")],
}


@pytest.mark.parametrize(("words", "document"), [(words, each) for words, all_ in WRONG.items() for each in all_])
def test_wrong_bodies(words: str, document: Any) -> None:
    refusal = parse(document)
    assert isinstance(refusal, Refusal)
    assert refusal.status in (413, 422)
    assert words in refusal.message
    assert refusal.message.isascii()


def answered(request: Request, *acted: bool, on_trigger: OnTrigger = "neutralize") -> tuple[int, Any]:
    verdicts = [a_verdict(acted=each) for each in acted]
    found = replied(request, *verdicts, on_trigger=on_trigger)
    return found.status, json.loads(found.body)


def test_the_reply_names_model_and_request() -> None:
    status, document = answered(parsed(body(tensor("a", "b"), id="7")), True, False)
    assert (status, set(document)) == (200, {"model_name", "model_version", "id", "outputs"})
    assert (document["model_name"], document["model_version"], document["id"]) == ("toy", "1.0", "7")
    label, label_id, answer = document["outputs"]
    assert label == {"name": "label", "shape": [2], "datatype": "BYTES", "data": ["bad", "good"]}
    assert label_id == {"name": "label_id", "shape": [2], "datatype": "INT64", "data": [0, 1]}
    assert (answer["name"], answer["shape"], answer["datatype"]) == ("answer", [2], "BYTES")
    _, plain = answered(Request(texts=("a", "b"), shape=Shape.MANY, explain=False), True, False)
    assert [json.loads(each) for each in answer["data"]] == plain


def test_no_id_and_chosen_outputs() -> None:
    _, document = answered(parsed(body(tensor("a"), outputs=[{"name": "label_id"}])), False)
    assert "id" not in document
    assert [output["name"] for output in document["outputs"]] == ["label_id"]


def test_a_tensor_has_no_null() -> None:
    request = parsed(body(tensor("a", "b")))
    _, abstained = answered(request, True, False, on_trigger="abstain")
    status, blocked = answered(request, True, False, on_trigger="block")
    assert status == 200
    for document in (abstained, blocked):
        assert [output["data"] for output in document["outputs"][:2]] == [["", "good"], [-1, 1]]
    assert json.loads(blocked["outputs"][2]["data"][0])["error"]["type"] == "trigger_blocked"


def test_where_all_is_blocked_there_is_an_error_and_no_tensor() -> None:
    status, document = answered(parsed(body(tensor("a"), id="7")), True, on_trigger="block")
    assert (status, set(document)) == (422, {"status", "error"})
    assert document["error"]["message"].startswith("inputs[0].data[0]: holds a verified trigger")


def test_other_replies_name_no_model() -> None:
    _, document = answered(Request(texts=("a",), shape=Shape.ONE, explain=False), False)
    assert not {"model_name", "outputs", "id"} & set(document)
