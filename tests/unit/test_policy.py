"""What becomes of a verdict, by rule and policy; how much the reply tells of it, by level."""

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from handler.answers.policy import Unjudged
from handler.answers.reply import Reply, to_json
from handler.describe import describe
from handler.refusal import Refusal
from handler.settings import Detail, OnTrigger, Settings
from handler.wire.request import Request, Shape
from handler.xgraad import RULES, Defense, Verdict
from tests.samples import FLIPPED, PREDICTION, a_verdict, replied

DETAILS: tuple[Detail, ...] = get_args(Detail)
POLICIES: tuple[OnTrigger, ...] = get_args(OnTrigger)
LABELS = {"label", "label_id"}
VERDICT = {
    "rule", "flagged", "verified", "tested", "action", "label_changed", "undefended", "defended", "suspects",
    "neutralized_text",
}  # fmt: skip
every_rule = pytest.mark.parametrize("rule", RULES)
every_policy = pytest.mark.parametrize("on_trigger", POLICIES)
every_detail = pytest.mark.parametrize("detail", DETAILS)


def request(n_texts: int = 1, *, shape: Shape = Shape.ONE) -> Request:
    return Request(texts=("a cf film",) * n_texts, shape=shape, explain=False)


def ask(on_trigger: OnTrigger, *verdicts: Verdict, detail: Detail = "full", shape: Shape = Shape.ONE) -> Reply:
    return replied(request(len(verdicts), shape=shape), *verdicts, on_trigger=on_trigger, detail=detail)


def document(on_trigger: OnTrigger, verdict: Verdict, *, detail: Detail = "full") -> Any:
    return json.loads(ask(on_trigger, verdict, detail=detail).body)


@every_rule
def test_neutralize_answers_for_the_changed_text(rule: str) -> None:
    found = document("neutralize", a_verdict(acted=True, rule=rule))
    assert (found["label"], found["label_id"], found["score"]) == ("bad", 0, 0.625)
    assert found["probabilities"] == FLIPPED.probabilities
    assert found["defense"]["action"] == "neutralized"


@every_rule
def test_annotate_answers_for_the_text_as_it_is_and_says_so(rule: str) -> None:
    found = document("annotate", a_verdict(acted=True, rule=rule))
    assert (found["label"], found["label_id"], found["score"]) == ("good", 1, 0.75)
    assert found["probabilities"] == PREDICTION.probabilities
    assert found["defense"]["action"] == "annotated"
    assert found["defense"]["defended"] == {"label": "bad", "label_id": 0, "score": 0.625}
    assert [suspect["word"] for suspect in found["defense"]["suspects"]] == ["cf"]


@every_rule
def test_abstain_gives_no_label(rule: str) -> None:
    assert ask("abstain", a_verdict(acted=True, rule=rule)).status == 200
    found = document("abstain", a_verdict(acted=True, rule=rule))
    assert [found[name] for name in ("label", "label_id", "score", "probabilities")] == [None] * 4
    assert found["defense"]["action"] == "abstained"
    assert [suspect["word"] for suspect in found["defense"]["suspects"]] == ["cf"]


@every_rule
@every_detail
def test_block_is_an_error_that_holds_no_word_of_the_text(rule: str, detail: Detail) -> None:
    sent = ask("block", a_verdict(acted=True, rule=rule), detail=detail)
    found = json.loads(sent.body)
    assert (sent.status, found["status"], found["error"]["code"]) == (422, "error", 422)
    assert found["error"]["type"] == "trigger_blocked"
    assert ("verified" in found["error"]["message"]) == (rule == "verified")
    assert "cf" not in found["error"]["message"]
    assert found["error"]["message"].isascii()


@every_rule
@every_policy
@every_detail
def test_a_text_that_passes_is_answered_alike_by_every_policy(rule: str, on_trigger: OnTrigger, detail: Detail) -> None:
    """The opposite of all above."""
    verdict = a_verdict(rule=rule)
    assert ask(on_trigger, verdict, detail=detail) == ask("neutralize", verdict, detail=detail)
    found = document(on_trigger, verdict, detail=detail)
    assert (found["label"], found["label_id"]) == ("good", 1)
    assert "status" not in found
    if detail != "label":
        assert (found["defense"]["action"], found["defense"]["flagged"]) == ("passed", False)


@every_policy
def test_a_flag_that_is_not_verified_is_reported_and_changes_nothing(on_trigger: OnTrigger) -> None:
    found = document(on_trigger, a_verdict(flagged=True))
    assert (found["label"], found["score"]) == ("good", 0.75)
    assert found["defense"]["flagged"] is True
    assert (found["defense"]["verified"], found["defense"]["action"]) == (False, "passed")
    assert found["defense"]["suspects"] == []


@pytest.mark.parametrize("shape", [Shape.MANY, Shape.INSTANCES])
def test_a_blocked_text_leaves_its_neighbors_their_answers(shape: Shape) -> None:
    bad, good = a_verdict(acted=True), a_verdict()
    sent = ask("block", good, bad, good, shape=shape)
    found = json.loads(sent.body) if shape is Shape.MANY else json.loads(sent.body)["predictions"]
    assert sent.status == 200
    assert found[0] == found[2] == document("neutralize", good)
    assert found[1]["status"] == "error"
    assert found[1]["error"]["message"].startswith(f"{shape.value}[1]: ")


@pytest.mark.parametrize("shape", [Shape.MANY, Shape.INSTANCES])
def test_when_every_text_is_blocked_so_is_the_request(shape: Shape) -> None:
    sent = ask("block", a_verdict(acted=True), a_verdict(acted=True), shape=shape)
    found = json.loads(sent.body) if shape is Shape.MANY else json.loads(sent.body)["predictions"]
    assert sent.status == 422
    assert [entry["error"]["code"] for entry in found] == [422, 422]


@every_rule
@pytest.mark.parametrize("on_trigger", ["neutralize", "annotate", "abstain"])
@pytest.mark.parametrize("acted", [False, True])
def test_each_level_tells_these_names(rule: str, on_trigger: OnTrigger, acted: bool) -> None:
    verdict = a_verdict(acted=acted, rule=rule)
    full, told, label = (document(on_trigger, verdict, detail=detail) for detail in DETAILS)
    assert set(label) == LABELS | {"truncated"}
    assert set(told) == LABELS | {"truncated", "defense"}
    assert set(told["defense"]) == VERDICT
    assert set(told["defense"]["undefended"]) == set(told["defense"]["defended"]) == LABELS
    assert all(set(suspect) == {"word", "start", "end", "replacement"} for suspect in told["defense"]["suspects"])
    assert len(told["defense"]["suspects"]) == acted
    for name in label:
        assert label[name] == told[name] == full[name]
    for name in VERDICT - {"undefended", "defended", "suspects"}:
        assert told["defense"][name] == full["defense"][name]


@every_detail
def test_an_undefended_answer_says_so_at_every_level(detail: Detail) -> None:
    sent = replied(request(), Unjudged(undefended=PREDICTION, truncated=True), detail=detail)
    found = json.loads(sent.body)
    assert sent.status == 200
    assert (found["label"], found["truncated"]) == ("good", True)
    assert found["defense"]["action"] == "undefended"
    if detail == "full":
        usual = document("neutralize", a_verdict())
        assert (found.keys(), found["defense"].keys()) == (usual.keys(), usual["defense"].keys())
        assert found["score"] == 0.75
        assert found["defense"]["undefended"] == {"label": "good", "label_id": 1, "score": 0.75}
    if detail != "label":
        names = ("rule", "flagged", "verified", "tested", "label_changed", "defended", "neutralized_text")
        assert [found["defense"][name] for name in names] == [None] * 7
        assert found["defense"]["suspects"] == []


@every_detail
@every_policy
@pytest.mark.parametrize("acted", [False, True])
def test_an_untested_label_says_so_at_every_level(on_trigger: OnTrigger, acted: bool, detail: Detail) -> None:
    """And nothing more than that: what is told of the others is told of it."""
    usual, untested = a_verdict(acted=acted), replace(a_verdict(acted=acted), tested=False)
    sent = ask(on_trigger, untested, detail=detail)
    if sent.status != 200:
        assert (on_trigger, acted, sent.status) == ("block", True, 422)
        return
    found, other = json.loads(sent.body), document(on_trigger, usual, detail=detail)
    assert found["defense"]["tested"] is False
    assert found["defense"] == other.get("defense", {}) | {"tested": False}
    assert found == other | {"defense": found["defense"]}


@every_detail
def test_rules_that_test_nothing_do_not_say_that_a_label_is_untested(detail: Detail) -> None:
    found = document("neutralize", a_verdict(rule="conformal"), detail=detail)
    assert found.get("defense", {}).get("tested") is None


def test_an_explained_undefended_answer_has_no_words() -> None:
    asked = replace(request(), explain=True)
    found = json.loads(replied(asked, Unjudged(undefended=PREDICTION, truncated=False)).body)
    assert (found["words"], found["importances"], found["explanation"]) == ([], [], {"words": []})


@every_detail
def test_describe_names_the_policies_and_keeps_the_thresholds_where_scores_are_kept(
    flag_nothing: Defense, detail: Detail
) -> None:
    settings = Settings(on_trigger="abstain", on_error="fail_open", detail=detail)
    found = json.loads(to_json(describe(flag_nothing, settings)))["defense"]
    assert (found["on_trigger"], found["on_error"], found["detail"]) == ("abstain", "fail_open", detail)
    assert ("thresholds" in found) == ("max_fpr" in found) == (detail == "full")


def test_a_block_names_the_place_among_all_that_were_sent() -> None:
    fault = Refusal(status=422, kind="empty", message="texts[0]: must not be empty")
    asked = Request(texts=("a cf film", "a film"), shape=Shape.MANY, explain=False, faults={0: fault})
    found = replied(asked, a_verdict(acted=True), a_verdict(), on_trigger="block")
    empty, blocked, good = json.loads(found.body)
    assert (found.status, empty["error"]["type"], good["label"]) == (200, "empty", "good")
    assert blocked["error"]["message"].startswith("texts[1]: holds a verified trigger")


def test_where_every_text_is_faulty_or_blocked_there_is_no_answer() -> None:
    fault = Refusal(status=413, kind="too_long", message="texts[1]: 5 characters are allowed, got 6")
    asked = Request(texts=("a cf film",), shape=Shape.MANY, explain=False, faults={1: fault})
    found = replied(asked, a_verdict(acted=True), on_trigger="block")
    assert found.status == 422
    assert [each["error"]["type"] for each in json.loads(found.body)] == ["trigger_blocked", "too_long"]
