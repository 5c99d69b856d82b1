"""What a worker writes for Prometheus, as TorchServe's frontend reads it; and what it logs. No text is in either."""

import json
import logging
import re
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import yaml

import handler.observation.metrics
from handler.answers.policy import ServedAction
from handler.observation.metrics import BEGIN
from handler.xgraad.events import text_hash
from tests.contract.service_in_process import GOOD, Field, Worker, grpc, plain, post, request, unpacked
from tests.toys import SENTENCES

PROJECT = Path(__file__).parents[2]
METRICS = PROJECT / "handler" / "metrics.yaml"
FRONTEND = re.compile(
    r"\s*([\w\s]+)\.([\w\s]+):([0-9\-,.e]+)\|#([^|]*)(\|#type:([^|,]+))?\|#hostname:([^,]+),([^,]+)(,(.*))?"
)
"""How Metric.java of TorchServe 0.12 reads a line, after `[METRICS]`."""
EVIL = "s3cret\n[METRICS]evil.Count:1|#Level:Model|#hostname:x,1\n[PID]99999999999999999\nTorch worker started.\r\u2028"


class Measured(NamedTuple):
    """One line for the frontend."""

    name: str
    value: float
    labels: dict[str, str]
    kind: str


def declared() -> dict[str, tuple[str, list[str]]]:
    """Kind and label names of each model metric."""
    sections = yaml.safe_load(METRICS.read_text())["model_metrics"]
    return {entry["name"]: (kind.upper(), entry["dimensions"]) for kind in sections for entry in sections[kind]}


def measured(log: pytest.LogCaptureFixture) -> list[Measured]:
    """Every metric line of the log; any that the frontend could not read, or that TorchServe refused, fails."""
    lines = []
    for record in log.records:
        message = record.getMessage()
        if not message.startswith("[METRICS]"):
            continue
        found = FRONTEND.fullmatch(message.removeprefix("[METRICS]"))
        assert found, message
        labels = dict(part.split(":") for part in found[4].split(","))
        lines.append(Measured(found[1], float(found[3]), labels, found[6]))
    return lines


def events(log: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.getMessage()) for record in log.records if record.name == "xgraad"]


@pytest.fixture
def worker(
    checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Worker:
    caplog.set_level(logging.INFO)
    return make_worker(checkpoints["bert"], torchserve, tmp_path / "toy", rule="conformal", max_chars=400)


def make_worker(source: Path, torchserve: SimpleNamespace, folder: Path, **section: Any) -> Worker:
    """A worker of a server that was given our metrics.yaml."""
    make = partial(torchserve.make_with, torchserve.read_metrics(METRICS))
    return Worker(unpacked(source, folder, **section), SimpleNamespace(make=make, read=torchserve.read))


def test_loading_tells_the_promised_rate(
    checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    make_worker(checkpoints["bert"], torchserve, tmp_path / "toy", rule="conformal")
    lines = measured(caplog)
    begun = {(line.name, *list(line.labels.values())[:-2]) for line in lines if not line.value}
    assert begun - {("xgraad_remembered_triggers",)} == set(BEGIN)
    values = {line.name: line.value for line in lines if (line.name, *list(line.labels.values())[:-2]) not in BEGIN}
    assert values == {"xgraad_loads_total": 1, "xgraad_calibrated_flag_rate": 0.1, "xgraad_remembered_triggers": 0}
    (event,) = events(caplog)
    assert (event["event"], event["model"], event["rule"]) == ("loaded", "toy", "conformal")


def test_a_refused_model_is_counted_and_logged(
    checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(RuntimeError, match="SettingsError"):
        make_worker(checkpoints["bert"], torchserve, tmp_path / "toy", rule="none")
    (line,) = measured(caplog)
    assert (line.name, line.labels["type"]) == ("xgraad_load_failures_total", "SettingsError")
    (event,) = events(caplog)
    assert (event["event"], event["type"]) == ("load_failed", "SettingsError")


def test_every_metric_is_declared_and_of_its_kind(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    worker(GOOD, post({"text": 5}), post({"texts": SENTENCES}), post({"text": SENTENCES[0]}, explain="True"))
    table = declared()
    names = set()
    for line in measured(caplog):
        kind, labels = table[line.name]
        assert (line.kind, list(line.labels)) == (kind, labels)
        names.add(line.name)
    assert names >= {"xgraad_requests_total", "xgraad_errors_total", "xgraad_p_value", "xgraad_stage_seconds"}


def test_everything_that_is_written_is_declared_and_the_other_way_round() -> None:
    written = set(re.findall(r'"(xgraad_\w+)"', Path(handler.observation.metrics.__file__).read_text()))
    assert written == {name for name in declared() if name.startswith("xgraad_")}


def test_torchserves_own_metrics_are_kept() -> None:
    import ts

    shipped = yaml.safe_load((Path(ts.__file__).parent / "configs" / "metrics.yaml").read_text())
    ours = yaml.safe_load(METRICS.read_text())
    assert ours["ts_metrics"] == shipped["ts_metrics"]
    assert shipped["model_metrics"]["gauge"] == [
        entry for entry in ours["model_metrics"]["gauge"] if not entry["name"].startswith("xgraad_")
    ]


def test_counts_are_those_of_the_replies(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    found = worker(GOOD, post({"text": 5}), post({"texts": SENTENCES}), plain("x" * 401))
    documents = [found[0].document, *found[2].document]
    flagged = sum(document["defense"]["flagged"] for document in documents)
    actions = Counter(document["defense"]["action"] for document in documents)
    assert flagged  # else nothing is shown
    counts: Counter[tuple[str, ...]] = Counter()
    for line in measured(caplog):
        own = [value for name, value in line.labels.items() if name not in ("ModelName", "Level")]
        counts[line.name, *own] += int(line.value) if line.kind == "COUNTER" else 1
    assert counts["xgraad_requests_total", "answered"] == 2
    assert counts["xgraad_requests_total", "refused"] == 2
    assert counts["xgraad_errors_total", "422", "wrong_type"] == 1
    assert counts["xgraad_errors_total", "413", "too_long"] == 1
    assert counts[("xgraad_flagged_texts_total",)] == flagged
    assert counts[("xgraad_judged_texts_total",)] == len(documents) == counts[("xgraad_p_value",)]
    assert {action: counts["xgraad_texts_total", action] for action in actions} == actions
    timed = {labels[0] for name, *labels in counts if name == "xgraad_stage_seconds"}
    assert timed == {"parse", "encode", "judge", "reply"}


def test_histograms_stay_in_torchserves_buckets(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    worker(post({"texts": SENTENCES}))
    values = [line for line in measured(caplog) if line.kind == "HISTOGRAM"]
    assert values
    assert all(0 <= line.value <= (1 if line.name == "xgraad_p_value" else 10) for line in values)


def test_label_values_are_constants(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever clients send: labels are what Prometheus must keep forever."""
    worker(*[post({EVIL: number, "text": EVIL}) for number in range(3)], plain(EVIL), grpc(text=EVIL.encode()))
    allowed = {*map(str, ServedAction), "answered", "refused", "failed", "toy", "Model"}
    allowed |= {"parse", "encode", "judge", "reply", "422", "unknown_field"}
    assert {value for line in measured(caplog) for value in line.labels.values()} <= allowed


HOSTILE = [
    post({"text": EVIL}),
    post({"text": EVIL}, explain="True"),
    post({"texts": [EVIL, 5]}),
    post({EVIL: EVIL}),
    post({"text": EVIL * 100}),
    post(EVIL.encode()),
    plain(EVIL),
    plain(EVIL * 100),
    grpc(text=EVIL.encode()),
    grpc(**{EVIL: EVIL.encode()}),
    request(Field(EVIL.encode() + b"\xff", content_type="text/plain")),
    request(Field(b"", name=EVIL), Content_Type=EVIL),
    request(Field(b"{", content_type=f"application/json; {EVIL}"), describe=EVIL),
    post({"text": "ok"}, **{EVIL: EVIL, "X-Request-Id": EVIL}),
]


@pytest.mark.parametrize("rule", ["paper", "conformal", "verified"])
def test_no_text_reaches_the_log_and_no_line_is_broken(
    checkpoints: dict[str, Path],
    torchserve: SimpleNamespace,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    rule: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = make_worker(
        checkpoints["bert"], torchserve, tmp_path / "toy", rule=rule, max_chars=400, on_trigger="block"
    )
    worker(*HOSTILE)
    for message in HOSTILE:
        worker(message)
    for record in caplog.records:
        assert "s3cret" not in record.getMessage()
        if record.name == "xgraad":
            assert "\n" not in record.getMessage()
    assert "evil" not in {line.name for line in measured(caplog)}
    assert "s3cret" not in caplog.text


def test_an_event_tells_length_and_hash_of_what_was_refused(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    worker(plain(EVIL * 100), post({"texts": [EVIL] * 65}))
    first, second = [event for event in events(caplog) if event["event"] == "refused"]
    assert (first["request_id"], first["status"], first["type"]) == ("id-0", 413, "too_long")
    assert first["fields"] == [{"length": len(EVIL) * 100, "hash": text_hash(EVIL * 100)}]
    assert (second["status"], second["n_fields"]) == (413, 1)


def test_a_request_answered_with_trouble_is_one_line(worker: Worker, caplog: pytest.LogCaptureFixture) -> None:
    (answer,) = worker(post({"texts": SENTENCES}))
    changed = [index for index, text in enumerate(answer.document) if text["defense"]["action"] != "passed"]
    assert changed
    (event,) = [event for event in events(caplog) if event["event"] == "trouble"]
    assert [text["index"] for text in event["texts"]] == changed
    assert [text["hash"] for text in event["texts"]] == [text_hash(SENTENCES[index]) for index in changed]
    assert {text["action"] for text in event["texts"]} == {"neutralized"}
    assert event["n_texts"] == len(SENTENCES)


def test_a_blocked_text_is_counted_and_told_as_one(
    checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    worker = make_worker(checkpoints["bert"], torchserve, tmp_path / "toy", rule="conformal", on_trigger="block")
    (answer,) = worker(post({"texts": SENTENCES}))
    blocked = [index for index, text in enumerate(answer.document) if "error" in text]
    assert 0 < len(blocked) < len(SENTENCES)
    (event,) = [event for event in events(caplog) if event["event"] == "trouble"]
    assert [(text["index"], text["action"]) for text in event["texts"]] == [(index, "blocked") for index in blocked]
    assert all(text["n_suspects"] for text in event["texts"])
    counts = {line.labels["action"]: line.value for line in measured(caplog) if line.name == "xgraad_texts_total"}
    assert counts["blocked"] == len(blocked)


def test_who_opens_the_page_asks_nothing_and_is_refused_nothing(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.clear()
    browser = {"explain": "True", "Accept": "text/html"}
    assert worker(request(Field(b"", content_type="text/plain"), **browser))[0].status == 200
    assert {(line.name, line.labels["outcome"]) for line in measured(caplog) if "outcome" in line.labels} == {
        ("xgraad_requests_total", "answered")
    }
    assert not events(caplog)
    form = {"Content_Type": "application/x-www-form-urlencoded"} | browser
    assert worker(request(Field(b"", "text"), **form))[0].status == 422
    assert [event["event"] for event in events(caplog)] == ["refused"]


def test_a_faulty_text_among_good_ones_is_trouble_without_a_length(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    (answer,) = worker(post({"texts": [SENTENCES[0], 5, SENTENCES[1]]}))
    assert answer.status == 200
    (event,) = [event for event in events(caplog) if event["event"] == "trouble"]
    assert event["n_texts"] == 3
    assert {"index": 1, "action": "wrong_type"} in event["texts"]
    hashes = {text["index"]: text["hash"] for text in event["texts"] if "hash" in text}
    assert hashes.items() <= {0: text_hash(SENTENCES[0]), 2: text_hash(SENTENCES[1])}.items()


def test_a_failed_request_tells_no_text(
    worker: Worker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def judge(*_: object) -> None:
        raise ValueError(EVIL)

    monkeypatch.setattr(worker.handler.defense, "judge", judge)
    (answer,) = worker(post({"text": EVIL}))
    assert answer.status == 500
    kinds = [event["event"] for event in events(caplog)]
    assert kinds == ["judging_failed", "judging_failed", "failed"]
    assert "s3cret" not in caplog.text
