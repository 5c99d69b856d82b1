import json
import re
from dataclasses import replace
from typing import Any, get_args

import pytest
from rich.console import Console

from handler.answers.policy import Unjudged
from handler.settings import Detail, OnTrigger
from handler.wire.request import Request, Shape
from scripts.console.reply_view import reply_table, visible
from tests.samples import PREDICTION, a_reply, a_verdict, replied

SUSPECT = {"word": "c\u200bf", "start": 7, "end": 10, "attribution": 0.9, "replacement": "xx"}
DEFENSE = {
    "rule": "verified",
    "flagged": True,
    "verified": True,
    "tested": True,
    "action": "neutralized",
    "anomaly_score": 5.0,
    "gate_score": 3.0,
    "threshold": 2.0,
    "p_value": 0.01,
    "label_changed": True,
    "undefended": {"label": "good", "label_id": 1, "score": 0.99},
    "defended": {"label": "bad", "label_id": 0, "score": 0.8},
    "suspects": [SUSPECT],
    "neutralized_text": "a [red]xx film",
}
TEXT = "a [red]c\u200bf film"
WORDS = [
    {"word": "a", "start": 0, "end": 1, "attribution": 0.0},
    {"word": "c\u200bf", "start": 7, "end": 10, "attribution": 0.9},
    {"word": "film", "start": 11, "end": 15, "attribution": 0.3},
]
EXPLAINED = {
    "label": "bad",
    "score": 0.8,
    "truncated": False,
    "defense": DEFENSE,
    "explanation": {"words": WORDS},
}
REFUSED = {"status": "error", "error": {"code": 422, "type": "text_too_long", "message": "no"}}


def test_hidden_characters_become_visible() -> None:
    assert visible("a\u200b\x1b[1mé\u00a0b").plain == "a\\u200b\\u001b[1mé\\u00a0b"
    assert visible("\ufe0f\U000e0041 z").plain == "\\ufe0f\\U000e0041 z"


def plain(renderable: Any) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_table_shows_both_predictions_and_never_markup() -> None:
    shown = plain(reply_table([TEXT, "x" * 100, "y"], [EXPLAINED, REFUSED, {"label": "good", "score": 0.5}]))
    assert "a [red]c\\u200bf film" in shown
    assert "good 0.99" in shown
    assert "bad 0.8" in shown
    assert "yes, neutralized" in shown
    assert "c\\u200bf 0.9" in shown
    assert "error 422 text_too_long: no" in shown
    assert "x" * 59 + "…" in shown


def test_withheld_prediction_is_a_dash() -> None:
    shown = plain(reply_table(["x"], [{"defense": DEFENSE | {"defended": None, "flagged": False}}]))
    assert "bad" not in shown
    assert "no" in shown


@pytest.mark.parametrize("detail", get_args(Detail))
@pytest.mark.parametrize("on_trigger", get_args(OnTrigger))
def test_every_policys_reply_can_be_shown(on_trigger: OnTrigger, detail: Detail) -> None:
    text = "a cf film"
    request = Request(texts=(text,), shape=Shape.ONE, explain=detail == "full")
    sent = replied(request, a_verdict(text, acted=True), on_trigger=on_trigger, detail=detail)
    document = json.loads(sent.body)
    header, row = (
        [cell.strip() for cell in re.split("[┃│]", line)[1:-1]]
        for line in plain(reply_table([text], [document])).splitlines()
        if "┃" in line or "│" in line
    )
    cells = dict(zip(header, row, strict=True))
    answers = {"neutralize": "bad", "annotate": "good", "abstain": "-", "block": "-"}
    assert cells["answer"].split()[0] == answers[on_trigger]
    if on_trigger == "block":
        assert "trigger_blocked" in cells["suspects"]
    elif detail != "label":
        assert cells["flagged"].startswith("yes, ")
        assert cells["suspects"] == ("cf 0.75" if detail == "full" else "cf")
    else:
        assert (cells["undefended"], cells["defended"], cells["flagged"]) == ("-", "-", "-")


@pytest.mark.parametrize("detail", get_args(Detail))
@pytest.mark.parametrize("acted", [False, True])
@pytest.mark.parametrize("tested", [False, True, None])
def test_what_is_not_tested_stands_out(detail: Detail, *, acted: bool, tested: bool | None) -> None:
    document = a_reply("a cf film", replace(a_verdict(acted=acted), tested=tested), detail=detail)
    assert ("not tested" in plain(reply_table(["a cf film"], [document]))) == (tested is False)


@pytest.mark.parametrize("detail", get_args(Detail))
def test_undefended_answers_stand_out(detail: Detail) -> None:
    request = Request(texts=("x",), shape=Shape.ONE, explain=False)
    document = json.loads(replied(request, Unjudged(undefended=PREDICTION, truncated=False), detail=detail).body)
    shown = plain(reply_table(["x"], [document]))
    assert "unknown, undefended" in shown
    assert "good" in shown
