"""Replies come back as the verdicts they were made from."""

import json
from typing import Any, get_args

import pytest

from handler.answers.policy import Unjudged
from handler.settings import OnTrigger
from handler.wire.request import Request, Shape
from handler.xgraad import Defense
from scripts.console.errors import LabError
from scripts.serving.served_defense import verdict_from
from tests.conftest import CLEAN_TEXTS
from tests.samples import PREDICTION, a_verdict, replied
from tests.unit.conftest import DefenseMaker

REQUEST = Request(texts=("x",), shape=Shape.ONE, explain=False)
ANSWERING: list[OnTrigger] = [name for name in get_args(OnTrigger) if name != "block"]


@pytest.mark.parametrize("on_trigger", ANSWERING)
def test_verdict_survives_the_wire(flag_all: DefenseMaker, flag_nothing: Defense, on_trigger: OnTrigger) -> None:
    for defense in (flag_all(), flag_nothing):
        (verdict,) = defense(CLEAN_TEXTS[:1])
        found = verdict_from(json.loads(replied(REQUEST, verdict, on_trigger=on_trigger).body))
        for name in ("rule", "flagged", "verified", "action", "anomaly_score", "threshold", "p_value", "suspects"):
            assert getattr(found, name) == getattr(verdict, name)
        assert found.label_id == verdict.label_id
        assert found.neutralized_text == verdict.neutralized_text


@pytest.mark.parametrize("detail", ["verdict", "label"])
def test_a_reply_that_tells_too_little_is_no_verdict(detail: Any) -> None:
    body = replied(REQUEST, a_verdict(acted=True), detail=detail).body
    with pytest.raises(LabError, match="pack the model with --detail full"):
        verdict_from(json.loads(body))


@pytest.mark.parametrize("detail", ["full", "verdict", "label"])
def test_an_undefended_reply_is_no_verdict(detail: Any) -> None:
    body = replied(REQUEST, Unjudged(undefended=PREDICTION, truncated=False), detail=detail).body
    with pytest.raises(LabError, match="answered undefended"):
        verdict_from(json.loads(body))
