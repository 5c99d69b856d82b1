"""Answers come in the shape that was asked for, raw tensors too, and faulty texts take their places in it."""

import json
import struct

import pytest

from tests.contract.parsing import OCTETS
from tests.contract.service_in_process import Worker, at_kserve, post, tensors
from tests.framings import binary
from tests.toys import SENTENCES


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
