"""A model that may give a text several labels, in TorchServe's own service: every way of asking, every policy."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from handler.page.page import page
from handler.settings import Detail, Settings
from handler.xgraad import LabelsCalibration, LabelsDefense, NoRegistry
from handler.xgraad.multilabel.labels_calibration import FORMAT
from scripts import build_archive, calibrate, repair_model, scan_model, verify_archive
from scripts.console.command import Exit
from tests.contract.service_in_process import Field, Worker, grpc, plain, post, request, unpacked
from tests.contract.test_metrics import events, make_worker, measured
from tests.contract.test_page import opened, read, typed
from tests.several import ATTACKED, GOOD_TEXT, LABELS, NAMES, calibrate_several
from tests.unit.attribution.known_head import TEXTS, TRIGGER

Make = Callable[..., Worker]
DEFENDED, UNDEFENDED = ["praise", "calm"], ["blame", "calm"]


@pytest.fixture
def make(several_folder: Path, torchserve: SimpleNamespace, tmp_path: Path) -> Make:
    def make_one(**section: Any) -> Worker:
        return Worker(unpacked(several_folder, tmp_path / "toy", registry=False, **section), torchserve)

    return make_one


@pytest.fixture(scope="module")
def worker(several_folder: Path, torchserve: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Worker:
    folder = tmp_path_factory.mktemp("served") / "toy"
    return Worker(unpacked(several_folder, folder, registry=False), torchserve)


def test_every_way_of_asking_gives_the_same_labels(several_folder: Path, worker: Worker) -> None:
    (expected,) = LabelsDefense.load(several_folder, registry=NoRegistry())([ATTACKED])
    form = request(Field(ATTACKED.encode(), "text"), Content_Type="application/x-www-form-urlencoded")
    asked = [post({"text": ATTACKED}), plain(ATTACKED), grpc(text=ATTACKED.encode()), form]
    many, instances = post({"texts": [ATTACKED, GOOD_TEXT]}), post({"instances": [{"text": ATTACKED}]})
    *alone, of_many, of_instances = worker(*asked, many, instances)
    documents = [answer.document for answer in alone]
    documents += [of_many.document[0], of_instances.document["predictions"][0]]
    for document in documents:
        assert document["labels"] == list(expected.defended.labels) == DEFENDED
        assert document["label_ids"] == list(expected.defended.label_ids)
        assert document["probabilities"] == pytest.approx(expected.defended.probabilities, abs=1e-5)
        assert document["defense"]["undefended"]["labels"] == UNDEFENDED
        assert document["defense"]["action"] == "neutralized"
    assert of_many.document[1]["defense"]["action"] == "passed"


def test_what_was_decided_is_told_for_each_label(worker: Worker) -> None:
    attacked, clean = (answer.document["defense"] for answer in worker(plain(ATTACKED), plain("the plot is dull")))
    assert (attacked["flagged"], attacked["verified"], attacked["tested"], attacked["label_changed"]) == (True,) * 4
    decided = {each["label"]: each for each in attacked["decisions"] if each["verified"]}
    assert set(decided) == {"praise", "blame"}
    start = ATTACKED.index(TRIGGER)
    for name, has_label in (("praise", True), ("blame", False)):
        each = decided[name]
        assert each["label_id"] == NAMES.index(name)
        assert [(s["word"], s["start"], s["end"]) for s in each["suspects"]] == [(TRIGGER, start, start + 2)]
        assert (each["undefended"]["has_label"], each["defended"]["has_label"]) == (not has_label, has_label)
        assert TRIGGER not in each["neutralized_text"].split()
    assert clean["undefended"] == clean["defended"] == {"labels": ["blame"], "label_ids": [1]}
    assert not any(each["verified"] for each in clean["decisions"])


def test_tensors_hold_the_labels_side_by_side(worker: Worker) -> None:
    sent = {"inputs": [{"name": "text", "shape": [2], "datatype": "BYTES", "data": [ATTACKED, "a film"]}]}
    (answer,) = worker(post(sent))
    found = {output["name"]: output["data"] for output in answer.document["outputs"]}
    assert found["label"][0] == "praise|calm"
    assert found["label_id"] == [-1, -1]
    assert json.loads(found["answer"][0])["labels"] == DEFENDED


@pytest.mark.parametrize(
    ("policy", "labels", "action"),
    [("neutralize", DEFENDED, "neutralized"), ("annotate", UNDEFENDED, "annotated"), ("abstain", None, "abstained")],
)
def test_the_policy_is_the_operators(make: Make, policy: str, labels: list[str] | None, action: str) -> None:
    attacked, clean = make(on_trigger=policy)(plain(ATTACKED), plain(GOOD_TEXT))
    assert attacked.document["labels"] == labels
    assert (attacked.document["probabilities"] is None) == (labels is None)
    assert attacked.document["defense"]["action"] == action
    assert attacked.document["defense"]["defended"]["labels"] == DEFENDED
    assert clean.document["labels"] == DEFENDED
    assert clean.document["defense"]["action"] == "passed"


def test_a_blocked_text_is_an_error_beside_an_answer(make: Make) -> None:
    alone, both = make(on_trigger="block")(plain(ATTACKED), post({"texts": [ATTACKED, GOOD_TEXT]}))
    assert (alone.status, alone.document["error"]["type"]) == (422, "trigger_blocked")
    assert TRIGGER not in alone.document["error"]["message"]
    blocked, answered = both.document
    assert blocked["error"]["type"] == "trigger_blocked"
    assert answered["labels"] == DEFENDED


@pytest.mark.parametrize("detail", get_args(Detail))
def test_below_full_there_is_no_number_but_ids_and_places(make: Make, detail: str) -> None:
    attacked, explained = make(detail=detail)(plain(ATTACKED), plain(ATTACKED, explain="True"))
    document = attacked.document
    assert document["labels"] == DEFENDED
    if detail == "full":
        assert explained.document["explanation"]["label"] in NAMES
        assert [word["word"] for word in explained.document["explanation"]["words"]] == ATTACKED.split()
        return
    assert explained.status == 403
    assert not list(floats_in(document))
    assert set(document) == {"labels", "label_ids", "truncated"} | ({"defense"} if detail == "verdict" else set())
    if detail == "verdict":
        assert {each["label"] for each in document["defense"]["decisions"] if each["verified"]} == {"praise", "blame"}


def floats_in(value: Any) -> Any:
    if isinstance(value, float):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from floats_in(each)


@pytest.mark.parametrize("detail", get_args(Detail))
def test_a_failing_defense_is_told_at_every_detail(make: Make, detail: str, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = make(on_error="fail_open", detail=detail)
    monkeypatch.setattr(worker.handler.defense, "judge", lambda *_: 1 / 0)
    (answer,) = worker(plain(ATTACKED))
    assert answer.document["labels"] == UNDEFENDED
    assert answer.document["defense"]["action"] == "undefended"
    closed = make_again(worker, on_error="fail_closed")
    assert closed(plain(ATTACKED))[0].status == 500


def make_again(worker: Worker, **section: Any) -> Worker:
    """The same worker with other settings."""
    worker.handler.settings = worker.handler.settings.model_copy(update=section)
    return worker


@pytest.mark.parametrize("detail", get_args(Detail))
def test_a_label_that_is_not_tested_is_named_at_every_detail(
    several_folder: Path, torchserve: SimpleNamespace, tmp_path: Path, detail: str
) -> None:
    folder = unpacked(several_folder, tmp_path / "toy", registry=False, detail=detail)
    calibration = calibrate_several(several_folder, threshold=0.99, untested=[2])
    (folder / "calibration.json").write_text(calibration.to_json(), encoding="utf-8")
    worker = Worker(folder, torchserve)
    (answer,) = worker(plain(GOOD_TEXT))
    assert answer.document["defense"]["tested"] is False
    assert answer.document["defense"]["untested"] == ["calm"]
    (described,) = json.loads(json.dumps(worker.handler.handle([{}], describing(worker))))
    assert described["untested" if "untested" in described else "defense"]["untested"] == ["calm"]
    assert described["label_threshold"] == 0.99


def describing(worker: Worker) -> Any:
    """The context of the management API's question."""
    context = worker.service.context
    headers = SimpleNamespace(
        get_all_request_header=lambda _: {"describe": "True"}, get_request_id=lambda _: "id", model_name="toy"
    )
    return SimpleNamespace(**{**vars(context), **vars(headers)})


def test_metrics_count_texts_and_the_log_names_label_numbers(
    several_folder: Path, torchserve: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    worker = make_worker(several_folder, torchserve, tmp_path / "toy")
    caplog.clear()
    worker(plain(ATTACKED), plain(GOOD_TEXT))
    counts = {line.name: line.value for line in measured(caplog)}
    assert counts["xgraad_judged_texts_total"] == 2
    assert counts["xgraad_verified_texts_total"] == counts["xgraad_label_changes_total"] == 1
    (trouble,) = [event for event in events(caplog) if event["event"] == "trouble"]
    (told,) = trouble["texts"]
    assert told["undefended_label_ids"] == [1, 2]
    assert told["defended_label_ids"] == [0, 2]
    assert TRIGGER not in json.dumps(trouble["texts"])


def test_the_page_shows_the_labels_and_what_was_found_about_each(worker: Worker) -> None:
    blank, attacked, clean = worker(opened(), typed(ATTACKED), typed(GOOD_TEXT))
    assert [answer.status for answer in (blank, attacked, clean)] == [200] * 3
    shown = read(attacked)
    assert shown.text == ATTACKED
    said = attacked.body.decode()
    for part in ("Trigger found", "praise, calm", "blame, calm", "silences it", "raises it"):
        assert part in said
    assert "silences it" not in clean.body.decode()


def test_a_page_of_no_label_says_so() -> None:
    document = {"labels": [], "label_ids": [], "truncated": False}
    body = page("a film", document, model="toy", settings=Settings(detail="label"))
    assert b"no label" in body
    withheld = page("a film", document | {"labels": None}, model="toy", settings=Settings(detail="label"))
    assert b"no label" not in withheld
    assert b"withheld" in withheld


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The toy's clean texts with their labels, in each form that is read."""
    folder = tmp_path_factory.mktemp("data")
    rows = [
        {"text": text, "labels": [NAMES[label] for label in sorted(labels)]}
        for text, labels in zip(TEXTS, LABELS, strict=True)
    ]
    listed = "".join(json.dumps(row) + "\n" for row in rows)
    cells = "text\tlabels\n" + "".join(f"{row['text']}\t{'|'.join(row['labels'])}\n" for row in rows)
    flags = f"text,{','.join(NAMES)}\n" + "".join(
        f"{text},{','.join(str(int(label in labels)) for label in range(3))}\n"
        for text, labels in zip(TEXTS, LABELS, strict=True)
    )
    found = {"lists.jsonl": listed, "cells.tsv": cells, "flags.csv": flags}
    for name, content in found.items():
        (folder / name).write_text(content, encoding="utf-8")
    return {name: folder / name for name in found}


def test_the_command_calibrates_packs_and_verifies(
    several_folder: Path, data: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "labels.json"
    options = ["--checkpoint", str(several_folder), "--out", str(out), "--max-length", "64"]
    flags = ["--label-columns", ",".join(NAMES)]
    assert calibrate.main([*options, "--data", str(data["flags.csv"]), *flags, "--label-threshold", "0.4"]) == Exit.DONE
    assert "blame: a trigger is stronger than" in capsys.readouterr().out
    written = LabelsCalibration.read(out)
    assert (written.format, written.label_threshold) == (FORMAT, 0.4)
    assert all(fit.labels.words for fit in written.labels), "people's labels were read"
    packed = ["--checkpoint", str(several_folder), "--calibration", str(out), "--name", "toy"]
    assert build_archive.main([*packed, "--model-store", str(tmp_path)]) == Exit.DONE
    assert verify_archive.main([str(tmp_path / "toy.mar")]) == Exit.DONE


@pytest.mark.parametrize("command", [scan_model, repair_model])
def test_what_is_made_for_one_label_refuses_it_in_a_line(
    several_folder: Path, data: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Any
) -> None:
    options = ["--checkpoint", str(several_folder), "--data", str(data["cells.tsv"])]
    more = ["--out", str(tmp_path / "out")] if command is repair_model else []
    assert command.main([*options, *more]) not in (Exit.DONE, Exit.BELOW_TARGET)
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "problem_type multi_label_classification" in said
    assert "calibrate" in said
