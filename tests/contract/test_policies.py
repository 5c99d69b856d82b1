"""The operator's policies through the real `ts.service.Service`: each client of a batch gets its own outcome."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from handler.xgraad import RULES, Action, Suspect, Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.words.encoding import Encoding
from tests.contract.service_in_process import (
    BAD,
    EXPLAIN,
    GOOD,
    MANY,
    Answer,
    Worker,
    grpc,
    post,
    unpacked,
)
from tests.documents import floats, without_floats

TRIGGER, FAULT = "cf", "boom"
TRIGGERED = post({"text": "the plot is thin cf"})
FAULTY = post({"text": "the plot is thin boom"})
BAD_ONE, _ = BAD[0]
Make = Callable[..., Worker]


class Staged:
    """The real defense, but that it acts where the text says so, and fails where the text says so."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def judge(self, encodings: Sequence[Encoding], explain: Sequence[bool]) -> list[Verdict]:
        if any(FAULT in encoding.text for encoding in encodings):
            raise RuntimeError(f"CUDA error at {encodings[-1].text}")
        verdicts = self.real.judge(encodings, explain)
        return [
            acted(verdict, encoding.text) if TRIGGER in encoding.text.split() else passed(verdict)
            for verdict, encoding in zip(verdicts, encodings, strict=True)
        ]


def acted(verdict: Verdict, text: str) -> Verdict:
    """Neutralized, with the other label."""
    was = verdict.undefended
    label_id = 1 - was.label_id
    now = Prediction(label=f"LABEL_{label_id}", label_id=label_id, score=0.75, probabilities=was.probabilities)
    start = text.index(TRIGGER)
    suspect = Suspect(word=TRIGGER, start=start, end=start + 2, attribution=0.5, replacement="")
    verified = verdict.rule == "verified"
    return replace(
        verdict,
        flagged=True,
        verified=verified,
        action=Action.NEUTRALIZED,
        defended=now,
        suspects=(suspect,),
        neutralized_text=text.replace(TRIGGER, ""),
    )


def passed(verdict: Verdict) -> Verdict:
    return replace(
        verdict,
        flagged=False,
        verified=False,
        action=Action.PASSED,
        defended=verdict.undefended,
        suspects=(),
        neutralized_text=None,
    )


@pytest.fixture
def make(checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path: Path) -> Make:
    def make_worker(**section: Any) -> Worker:
        folder = unpacked(checkpoints["bert"], tmp_path / "-".join(map(str, ["toy", *section.values()])), **section)
        worker = Worker(folder, torchserve)
        worker.handler.defense = Staged(worker.handler.defense)  # type: ignore[assignment]
        return worker

    return make_worker


def same(first: Answer, second: Answer) -> bool:
    """Equal but for the last digits, which depend on what shares a micro-batch."""
    near = floats(first.document) == pytest.approx(floats(second.document), abs=1e-5)
    return near and first[1:4] == second[1:4] and without_floats(first.document) == without_floats(second.document)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("on_trigger", "action"), [("neutralize", "neutralized"), ("annotate", "annotated"), ("abstain", "abstained")]
)
def test_what_a_triggered_text_gets(make: Make, rule: str, on_trigger: str, action: str) -> None:
    worker = make(rule=rule, on_trigger=on_trigger)
    good, triggered, refused = worker(GOOD, TRIGGERED, BAD_ONE)
    assert [answer.status for answer in (good, triggered, refused)] == [200, 200, 400]
    document, defense = triggered.document, triggered.document["defense"]
    assert (defense["action"], defense["verified"]) == (action, rule == "verified")
    expected = {"neutralize": defense["defended"], "annotate": defense["undefended"], "abstain": {"label": None}}
    assert document["label"] == expected[on_trigger]["label"]
    assert defense["defended"]["label"] != defense["undefended"]["label"]
    assert good.document["defense"]["action"] == "passed"
    assert same(good, worker(GOOD)[0])


@pytest.mark.parametrize("rule", RULES)
def test_a_blocked_request_stands_alone(make: Make, rule: str) -> None:
    worker = make(rule=rule, on_trigger="block")
    good, blocked, refused, explained, many = worker(GOOD, TRIGGERED, BAD_ONE, EXPLAIN, MANY)
    assert [answer.status for answer in (good, blocked, refused, explained, many)] == [200, 422, 400, 200, 200]
    assert blocked.document["error"]["type"] == "trigger_blocked"
    assert blocked.content_type == "application/json"
    for answer, message in ((good, GOOD), (explained, EXPLAIN), (many, MANY)):
        assert same(answer, worker(message)[0])


def test_a_blocked_text_stands_alone_in_its_request(make: Make) -> None:
    worker = make(on_trigger="block")
    texts = ["a gripping film", "a gripping cf film"]
    mixed, all_blocked, instances = worker(
        post({"texts": texts}), post({"texts": texts[1:] * 2}), post({"instances": texts})
    )
    assert [answer.status for answer in (mixed, all_blocked, instances)] == [200, 422, 200]
    assert ["error" in entry for entry in mixed.document] == [False, True]
    assert [entry["error"]["code"] for entry in all_blocked.document] == [422, 422]
    assert ["error" in entry for entry in instances.document["predictions"]] == [False, True]


def test_grpc_reads_the_block_in_the_body(make: Make) -> None:
    (answer,) = make(on_trigger="block")(grpc(text=b"a cf film"))
    assert answer.document["status"] == "error"
    assert answer.document["error"]["code"] == 422


@pytest.mark.parametrize(("on_error", "status"), [("fail_closed", 500), ("fail_open", 200)])
def test_a_fault_costs_the_neighbors_nothing(make: Make, on_error: str, status: int) -> None:
    worker = make(on_error=on_error, on_trigger="block")
    batch = [GOOD, TRIGGERED, BAD_ONE, EXPLAIN, MANY]
    healthy = worker(*batch)
    with_fault = worker(*batch[:2], FAULTY, *batch[2:])
    failed = with_fault.pop(2)
    assert [answer.status for answer in with_fault] == [200, 422, 400, 200, 200]
    assert all(map(same, with_fault, healthy))
    assert (failed.status, failed.content_type) == (status, "application/json")
    assert failed.phrase.isascii()


def test_closed_is_an_error_without_the_text(make: Make) -> None:
    (failed,) = make(on_error="fail_closed")(FAULTY)
    assert failed.document["error"] == {
        "code": 500,
        "type": "defense_failed",
        "message": failed.document["error"]["message"],
    }
    assert b"boom" not in failed.body
    assert b"CUDA" not in failed.body


@pytest.mark.parametrize("detail", ["full", "verdict", "label"])
def test_open_is_the_plain_model_marked(make: Make, detail: str) -> None:
    worker = make(on_error="fail_open", detail=detail)
    (failed,) = worker(FAULTY)
    staged: Any = worker.handler.defense
    (plain,) = staged.real([json.loads(FAULTY["fields"][0].value)["text"]])
    assert failed.document["label"] == plain.undefended.label
    assert failed.document["defense"]["action"] == "undefended"


def test_open_without_a_plain_model_is_an_error(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = make(on_error="fail_open")
    monkeypatch.setattr(worker.handler.defense.classifier, "logits", lambda encodings: 1 / 0)
    found = worker(BAD_ONE, FAULTY)
    assert [answer.status for answer in found] == [400, 500]


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_worker_ends_it(
    make: Make, monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]
) -> None:
    worker = make(on_error="fail_open")

    def judge(*_: object) -> list[Verdict]:
        raise interrupt

    monkeypatch.setattr(worker.handler.defense, "judge", judge)
    with pytest.raises(interrupt):
        worker(GOOD)


@pytest.mark.parametrize("detail", ["verdict", "label"])
@pytest.mark.parametrize("rule", RULES)
def test_no_score_leaves_below_full(make: Make, rule: str, detail: str) -> None:
    worker = make(rule=rule, detail=detail)
    described = {"fields": [], "headers": {"describe": "True"}}
    found = worker(GOOD, TRIGGERED, MANY, BAD_ONE) + worker(described)
    for answer in found:
        assert floats(answer.document) == []
        for name in ("score", "anomaly_score", "probabilities", "p_value", "threshold", "thresholds", "attribution"):
            assert f'"{name}"'.encode() not in answer.body
    assert ("defense" in found[1].document) == (detail == "verdict")


def test_full_has_them(make: Make) -> None:
    """Sanity arm of the test above."""
    good, _ = make(detail="full")(GOOD, TRIGGERED)
    assert floats(good.document)
    assert b'"p_value"' in good.body


@pytest.mark.parametrize("detail", ["verdict", "label"])
def test_explanations_are_refused_below_full(make: Make, detail: str) -> None:
    worker = make(detail=detail)
    by_body = post({"text": "the plot", "explain": True})
    found = worker(EXPLAIN, GOOD, by_body, grpc(text=b"the plot", explain=b"true"))
    assert [answer.status for answer in found] == [403, 200, 403, 403]
    assert found[3].document["error"]["code"] == 403
    assert f"detail: {detail}" in found[0].document["error"]["message"]
