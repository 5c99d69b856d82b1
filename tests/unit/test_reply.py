"""The JSON documents: exactly these keys, strict JSON, in the shape in which the texts came."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from handler.answers.reply import as_json, refused, to_json
from handler.describe import describe
from handler.refusal import Refusal
from handler.settings import Settings
from handler.wire.request import Request, Shape, parse_row
from handler.xgraad import Defense, Verdict
from tests.samples import replied
from tests.toys import SENTENCES
from tests.unit.conftest import DefenseMaker
from tests.unit.test_server import PROFILE, properties

TOP = {"label", "label_id", "score", "probabilities", "truncated", "defense"}
DEFENSE = {
    "rule",
    "flagged",
    "verified",
    "tested",
    "action",
    "anomaly_score",
    "gate_score",
    "threshold",
    "p_value",
    "label_changed",
    "undefended",
    "defended",
    "suspects",
    "neutralized_text",
}
SUSPECT = {"word", "start", "end", "attribution", "replacement"}
EXPLANATION = {"words", "importances", "explanation"}
WORD = {"word", "start", "end", "attention", "gradient", "attribution"}
LIMIT = int(properties(PROFILE)["max_response_size"])
"""Bytes of one reply; a longer one costs TorchServe the worker."""


def strict(body: bytes) -> Any:
    def no_constant(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    return json.loads(body.decode("utf-8"), parse_constant=no_constant)


def request(*texts: str, shape: Shape = Shape.ONE, explain: bool = False) -> Request:
    return Request(texts=texts, shape=shape, explain=explain)


def answered(request: Request, verdicts: list[Verdict]) -> bytes:
    """The reply's bytes, by the default policies."""
    return replied(request, *verdicts).body


@pytest.fixture
def flagged(flag_all: DefenseMaker) -> list[Verdict]:
    verdicts: list[Verdict] = flag_all()(SENTENCES[:2])
    return verdicts


def test_a_flagged_text(flagged: list[Verdict]) -> None:
    document = strict(answered(request(SENTENCES[0]), flagged[:1]))
    assert set(document) == TOP
    assert set(document["defense"]) == DEFENSE
    assert document["defense"]["flagged"] is True
    assert document["defense"]["action"] == "neutralized"
    for suspect in document["defense"]["suspects"]:
        assert set(suspect) == SUSPECT
        assert SENTENCES[0][suspect["start"] : suspect["end"]] == suspect["word"]
    assert set(document["defense"]["undefended"]) == {"label", "label_id", "score"}
    assert document["label"] == document["defense"]["defended"]["label"]
    assert document["probabilities"].keys() == {"LABEL_0", "LABEL_1"}
    assert sum(document["probabilities"].values()) == pytest.approx(1)


def test_a_passed_text(flag_nothing: Defense) -> None:
    (document,) = strict(answered(request("plot", shape=Shape.MANY), flag_nothing(["plot"])))
    assert set(document) == TOP
    assert set(document["defense"]) == DEFENSE
    assert document["defense"]["action"] == "passed"
    assert document["defense"]["suspects"] == []
    assert document["defense"]["neutralized_text"] is None


@pytest.mark.parametrize("explain", [False, True])
def test_the_reply_has_the_shape_of_the_request(flagged: list[Verdict], explain: bool) -> None:
    texts = tuple(SENTENCES[:2])
    keys = TOP | EXPLANATION if explain else TOP
    one = strict(answered(request(texts[0], explain=explain), flagged[:1]))
    many = strict(answered(request(*texts, shape=Shape.MANY, explain=explain), flagged))
    instances = strict(answered(request(*texts, shape=Shape.INSTANCES, explain=explain), flagged))
    assert set(one) == keys
    assert many[0] == one
    assert [document["defense"]["anomaly_score"] for document in many] == [v.anomaly_score for v in flagged]
    assert instances == {"explanations" if explain else "predictions": many}


def test_a_list_of_one_stays_a_list(flagged: list[Verdict]) -> None:
    assert isinstance(strict(answered(request(SENTENCES[0], shape=Shape.MANY), flagged[:1])), list)


def test_explanation_has_every_word(flagged: list[Verdict]) -> None:
    document = strict(answered(request(SENTENCES[0], explain=True), flagged[:1]))
    words = document["explanation"]["words"]
    assert all(set(word) == WORD for word in words)
    assert document["words"] == [word["word"] for word in words] == [score.word.text for score in flagged[0].words]
    assert document["importances"] == [word["attribution"] for word in words]
    assert all(SENTENCES[0][word["start"] : word["end"]] == word["word"] for word in words)


def test_a_refusal_says_its_status_in_the_body() -> None:
    """gRPC drops the status code, so the body carries it."""
    sent = as_json(refused(Refusal(status=413, kind="too_long", message="text: 5 characters are allowed, got 6")))
    document = strict(sent.body)
    assert sent.status == 413
    assert document == {
        "status": "error",
        "error": {"code": 413, "type": "too_long", "message": "text: 5 characters are allowed, got 6"},
    }


def test_any_character_survives(flag_all: DefenseMaker) -> None:
    text = 'quote " backslash \\ line \u2028 nul \x00 😀 中 </script>'
    (verdict,) = flag_all("delete")([text])
    document = strict(answered(request(text, explain=True), [verdict]))
    assert document["defense"]["neutralized_text"] == verdict.neutralized_text
    assert all(word["word"] in text for word in document["explanation"]["words"])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_never_reach_the_wire(flagged: list[Verdict], value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"score": value})
    sent = replied(request("x"), replace(flagged[0], anomaly_score=value))
    assert (sent.status, strict(sent.body)["error"]["type"]) == (500, "defense_failed")


def in_a_tensor(text: str) -> Request:
    """Its answer is JSON within JSON, and longer for it."""
    tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": [text]}
    parsed = parse_row({"body": {"inputs": [tensor]}}, {}, Settings())
    assert isinstance(parsed, Request)
    return parsed


@pytest.mark.parametrize("asked", [request, in_a_tensor])
@pytest.mark.parametrize("neutralizer", ["noise", "mask", "delete"])
@pytest.mark.parametrize("word", ["a ", "中", "\x01a", "😀 ", '"a'])
def test_the_longest_request_stays_below_the_servers_limit(
    flag_all: DefenseMaker, neutralizer: str, word: str, asked: Callable[[str], Request]
) -> None:
    """Measured per character on a shorter text that repeats its suspect word as often as can be."""
    text = word * (1200 // len(word))
    (verdict,) = flag_all(neutralizer)([text])
    assert verdict.flagged
    plain = len(answered(asked(text), [verdict]))
    longer = word * (2400 // len(word))
    (verdict,) = flag_all(neutralizer)([longer])
    per_char = (len(answered(asked(longer), [verdict])) - plain) / (len(longer) - len(text))
    assert per_char * Settings().max_request_chars < LIMIT


@pytest.mark.parametrize("shape", ["texts", "inputs"])
def test_many_short_explained_texts_stay_below_the_servers_limit(flag_all: DefenseMaker, shape: str) -> None:
    texts = [" ".join("abcdefghij"[n % 10] for n in range(k, k + 62)) for k in range(Settings().max_texts)]
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": texts}
    parsed = parse_row({"body": {shape: texts if shape == "texts" else [tensor], "explain": True}}, {}, Settings())
    assert isinstance(parsed, Request)
    assert len(answered(parsed, flag_all()(texts))) * (256 / 64) < LIMIT


def test_describe_is_json_and_complete(load_bert: Callable[..., Defense]) -> None:
    defense = load_bert()
    document = strict(to_json(describe(defense, Settings())))
    names = {"labels", "model_type", "takes_pairs", "text_pairs", "device", "defense", "repair", "limits", "drift"}
    assert set(document) == names | {"origin", "fingerprint", "versions"}
    assert document["labels"] == ["LABEL_0", "LABEL_1"]
    limits = {name: getattr(Settings(), name) for name in ("max_texts", "max_chars", "max_request_chars")}
    assert document["limits"] == limits | {"max_length": 64}
    assert document["defense"]["thresholds"]["conformal"].keys() == {"intercept", "slope", "offset"}
    assert "noise_key" not in json.dumps(document)
