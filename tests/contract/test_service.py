"""The real `ts.service.Service` in process: TorchServe's own bytes in, its own bytes out, no server and no Java."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import yaml

from handler.worker.device_loss import DeviceLostError
from handler.xgraad import Defense
from handler.xgraad_handler import XGraadHandler
from tests.documents import floats, without_floats
from tests.samples import copy_of, edit_json, edit_weights, pickle_of
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


@pytest.fixture(scope="module")
def worker(
    checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory
) -> Worker:
    folder = tmp_path_factory.mktemp("models") / "toy"
    return Worker(unpacked(checkpoints["bert"], folder, rule="conformal", max_chars=400, max_texts=4), torchserve)


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


def tensors(*texts: str, **beside: Any) -> dict[str, Any]:
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return {"inputs": [tensor], **beside}


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


def mismatched(folder: Path) -> None:
    edit_weights(folder, lambda tensors: tensors["classifier.bias"].add_(0.1))


def unfinished(folder: Path) -> None:
    (folder / "calibration.json").unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def truncated(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"short")


def beside(folder: Path) -> None:
    """Nothing reads it, and nobody needs it."""
    (folder / "training_args.bin").write_bytes(b"whatever")


def disguised(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "notes.txt").write_bytes(pickle_of({"a": 1}))


def remote(folder: Path) -> None:
    edit_json(folder / "config.json", auto_map={"AutoModel": "evil.Model"})


def misspelled(folder: Path) -> None:
    (folder / "model-config.yaml").write_text("xgraad: {threshhold: 3}")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (mismatched, "FingerprintError: calibration.json was made for something else: weights: calibrated"),
        (unfinished, "CalibrationError: calibration.json: missing; make it with scripts.calibrate"),
        (pickled, "CheckpointError: pytorch_model.bin: pickles can run code and are refused; pack it with"),
        (beside, "CheckpointError: training_args.bin: pickles can run code and are refused"),
        (disguised, "CheckpointError: more/notes.txt: pickles can run code and are refused"),
        (truncated, "CheckpointError: model.safetensors: does not load as bert"),
        (remote, "CheckpointError: config.json: 'auto_map' would load code from elsewhere"),
        (misspelled, "SettingsError: model-config.yaml: xgraad.threshhold: Extra inputs are not permitted, got 3"),
    ],
)
def test_what_must_not_be_served_is_a_runtime_error_with_the_reason(
    checkpoints: dict[str, Path],
    torchserve: SimpleNamespace,
    tmp_path: Path,
    damage: Callable[[Path], None],
    reason: str,
) -> None:
    """Of any other exception TorchServe shows no more than that the worker died."""
    folder = unpacked(checkpoints["bert"], tmp_path / "toy")
    damage(folder)
    with pytest.raises(RuntimeError) as caught:
        Worker(folder, torchserve)
    assert str(caught.value).startswith(reason)


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


def test_torchserve_finds_exactly_one_class(torchserve: SimpleNamespace) -> None:
    from ts.utils.util import list_classes_from_module

    import handler.xgraad_handler

    assert list_classes_from_module(handler.xgraad_handler) == [XGraadHandler]
