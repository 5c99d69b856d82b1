"""The real `ts.service.Service` in process: TorchServe's own bytes in, its own bytes out, no server and no Java."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from handler.worker.device_loss import DeviceLostError
from handler.xgraad import Defense
from tests.contract.service_in_process import (
    BAD,
    EXPLAIN,
    GOOD,
    MANY,
    Field,
    Message,
    Worker,
    grpc,
    plain,
    post,
    request,
    tensors,
    unpacked,
)
from tests.documents import floats, without_floats
from tests.toys import SENTENCES


def test_a_mixed_batch(worker: Worker) -> None:
    good, refused, explained, many, huge, text = worker(
        GOOD, post(b"{"), EXPLAIN, MANY, post({"text": "a" * 401}), plain(SENTENCES[4])
    )
    assert [answer.status for answer in (good, refused, explained, many, huge, text)] == [200, 400, 200, 200, 413, 200]
    assert "words" not in good.document
    assert explained.document["words"][:3] == ["the", "plot", "is"]
    assert len(many.document) == 2
    assert refused.document["error"] == {
        "code": 400,
        "type": "malformed_json",
        "message": refused.document["error"]["message"],
    }
    assert huge.document["error"]["type"] == "too_long"
    assert text.document["label"] in ("LABEL_0", "LABEL_1")


def test_every_answer_has_a_type_and_an_ascii_phrase(worker: Worker) -> None:
    """A phrase that is not ASCII breaks TorchServe's framing."""
    for answer in worker(GOOD, *[bad for bad, _ in BAD]):
        assert answer.content_type == "application/json"
        assert answer.phrase.isascii()
        assert "\n" not in answer.phrase


def test_a_batch_of_only_bad_requests(worker: Worker) -> None:
    found = worker(*[bad for bad, _ in BAD])
    assert [answer.status for answer in found] == [status for _, status in BAD]
    for answer in found:
        assert answer.document["status"] == "error"
        assert answer.document["error"]["code"] == answer.status


@pytest.mark.parametrize("message", [GOOD, EXPLAIN, MANY], ids=["good", "explain", "many"])
def test_a_good_answer_is_the_same_alone_and_among_bad_neighbors(worker: Worker, message: Message) -> None:
    (alone,) = worker(message)
    before, after = [bad for bad, _ in BAD[:4]], [bad for bad, _ in BAD[4:]]
    among = worker(*before, message, *after)[4]
    with_good = worker(EXPLAIN, message, MANY)[1]
    for answer in (among, with_good):
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert without_floats(answer.document) == without_floats(alone.document)
        assert floats(answer.document) == pytest.approx(floats(alone.document), abs=1e-5)


def test_the_answer_is_the_defenses(worker: Worker, checkpoints: dict[str, Path]) -> None:
    (verdict,) = Defense.load(checkpoints["bert"], rule="conformal")([SENTENCES[0]])
    (answer,) = worker(GOOD)
    assert answer.document["label"] == verdict.label
    assert answer.document["probabilities"] == pytest.approx(verdict.probabilities)
    assert answer.document["defense"]["anomaly_score"] == pytest.approx(verdict.anomaly_score)


def test_refusals_do_not_echo_the_text(worker: Worker) -> None:
    secret = "s3cret " * 100
    for answer in worker(post({"text": secret}), post({secret: 1}), post(secret.encode()), plain(secret)):
        assert answer.status >= 400
        assert b"s3cret" not in answer.body


def test_kserve_instances(worker: Worker) -> None:
    found = worker(post({"instances": [{"text": "plot"}, "thin"]}), post({"instances": ["plot"]}, explain="True"))
    assert [set(answer.document) for answer in found] == [{"predictions"}, {"explanations"}]
    assert len(found[0].document["predictions"]) == 2


def test_kserve_tensors(worker: Worker) -> None:
    """Each request of a batch gets its own id back, or none; TorchServe's envelope mixes them up."""
    found = worker(
        post(tensors("the plot", "thin", id="first")),
        post(tensors("thin")),
        post(tensors("thin", id="bad", more=1)),
        post(tensors("the plot", id="last"), explain="True"),
        GOOD,
        grpc(body=json.dumps(tensors("the plot", id="by gRPC")).encode()),
    )
    assert [answer.status for answer in found] == [200, 200, 422, 200, 200, 200]
    documents = [answer.document for answer in found]
    assert [document.get("id") for document in documents] == ["first", None, None, "last", None, "by gRPC"]
    assert [document.get("model_name") for document in documents] == ["toy", "toy", None, "toy", None, "toy"]
    labels = [document["outputs"][0]["data"] for document in documents if "outputs" in document]
    (alone,) = worker(post({"texts": ["the plot", "thin"]}))
    plot, thin = (each["label"] for each in alone.document)
    assert labels == [[plot, thin], [thin], [plot], [plot]]
    explained = json.loads(documents[3]["outputs"][2]["data"][0])
    assert explained["words"] == ["the", "plot"]


def test_grpc_entries(worker: Worker) -> None:
    """gRPC clients can send bytes only, and have no other way to ask for an explanation."""
    found = worker(
        grpc(text=b"the plot"),
        grpc(data=b"the plot"),
        grpc(body=b'{"text": "the plot"}'),
        grpc(text=b"the plot", explain=b"true"),
        grpc(data=b"the plot", explain=b"true"),
        grpc(body=b'{"text": "the plot", "explain": true}'),
    )
    assert [answer.status for answer in found] == [200] * 6
    assert ["words" in answer.document for answer in found] == [False] * 3 + [True] * 3
    assert len({answer.document["label"] for answer in found}) == 1


def test_form_fields(worker: Worker) -> None:
    form = "application/x-www-form-urlencoded"
    found = worker(
        request(Field(b"the plot", "text"), Content_Type=form),
        request(Field(b"the plot", "text"), Field(b"true", "explain"), Content_Type=form, explain="True"),
        request(Field(b'["the plot"]', "texts"), Content_Type=form),
    )
    assert [answer.status for answer in found] == [200] * 3
    assert isinstance(found[2].document, list)


@pytest.mark.parametrize("name", ["content-type", "Content-Type", "CONTENT-TYPE"])
def test_header_names_in_any_case(worker: Worker, name: str) -> None:
    message = {"fields": [Field(b"no json", content_type="application/json")], "headers": {name: "application/json"}}
    assert worker(message)[0].status == 400
    message = {"fields": [Field(b"no json")], "headers": {name: "application/octet-stream"}}
    assert worker(message)[0].status == 200


@pytest.mark.parametrize("name", ["explain", "Explain", "EXPLAIN"])
def test_explain_header_in_any_case(worker: Worker, name: str) -> None:
    message = {"fields": [Field(b"the plot", content_type="text/plain")], "headers": {name: "True", "url_path": ""}}
    assert "words" in worker(message)[0].document


def test_json_that_the_worker_did_not_decode(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TS_DECODE_INPUT_REQUEST", "false")
    (answer,) = worker(GOOD)
    assert answer.status == 200


def test_describe(worker: Worker) -> None:
    """The management API's call: alone, without a field."""
    (answer,) = worker({"fields": [], "headers": {"describe": "True"}})
    assert answer.status == 200
    assert answer.document["labels"] == ["LABEL_0", "LABEL_1"]
    assert answer.document["limits"]["max_texts"] == 4
    assert answer.document["defense"]["registry"] == {"n_triggers": 0, "is_shared": False}  # the rule remembers nothing


@pytest.mark.parametrize("header", ["describe", "Describe", "DESCRIBE"])
def test_a_clients_describe_header_breaks_no_batch(worker: Worker, header: str) -> None:
    """TorchServe's own handlers answer such a batch with one reply, and all its clients get an error."""
    evil = post({"text": "the plot"}, **{header: "True"})
    unmarked = {"fields": [Field(b"the plot")], "headers": {header: "True"}}
    old_address = {"fields": [], "headers": {"Content-Type": "application/x-www-form-urlencoded", header: "True"}}
    empty = {"fields": [], "headers": {"explain": "False", header: "True"}}
    for batch in ([evil, GOOD], [GOOD, evil, EXPLAIN], [evil], [evil, evil], [unmarked], [unmarked, GOOD]):
        found = worker(*batch)
        assert [answer.status for answer in found] == [200] * len(batch)
        assert all("label" in answer.document for answer in found)
    assert [answer.status for answer in worker(empty, GOOD)] == [422, 200]
    assert [answer.status for answer in worker(empty, empty)] == [422, 422]
    assert [answer.status for answer in worker(empty)] == [422]
    assert [answer.status for answer in worker(old_address)] == [422]


def test_the_sections_settings_are_used(
    worker: Worker, checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path: Path
) -> None:
    other = Worker(unpacked(checkpoints["bert"], tmp_path / "toy", rule="paper"), torchserve)
    assert other(GOOD)[0].document["defense"]["rule"] == "paper"
    assert worker(GOOD)[0].document["defense"]["rule"] == "conformal"
    assert other(post({"text": "plot " * 100}))[0].status == 200
    assert worker(post({"text": "plot " * 100}))[0].status == 413


def test_no_gpu_number_means_the_processor(worker: Worker) -> None:
    assert worker.service.context.system_properties["gpu_id"] is None
    (answer,) = worker({"fields": [], "headers": {"describe": "True"}})
    assert answer.document["device"] == "cpu"


def test_a_lost_device_ends_the_worker(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of TorchServe's stands in the way, and the batch gets no answer from us."""
    from handler import defended_model

    def lose(*_: object) -> None:
        raise DeviceLostError("cuda:0 does not answer")

    def end(error: DeviceLostError) -> None:
        raise SystemExit(str(error))

    monkeypatch.setattr(defended_model, "judge", lose)
    monkeypatch.setattr(defended_model, "end_worker", end)
    with pytest.raises(SystemExit, match="cuda:0 does not answer"):
        worker(post({"text": "a film"}), post({"text": 5}))
