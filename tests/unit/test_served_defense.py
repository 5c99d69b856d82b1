"""Replies come back as the verdicts they were made from."""

import json

from handler.reply import reply
from handler.request import Request, Shape
from handler.xgraad import Defense
from scripts.lab.served_defense import verdict_from
from tests.conftest import CLEAN_TEXTS
from tests.unit.conftest import DefenseMaker


def test_verdict_survives_the_wire(flag_all: DefenseMaker, flag_nothing: Defense) -> None:
    request = Request(texts=("x",), shape=Shape.ONE, explain=False)
    for defense in (flag_all(), flag_nothing):
        (verdict,) = defense(CLEAN_TEXTS[:1])
        found = verdict_from(json.loads(reply(request, [verdict])))
        for name in ("rule", "flagged", "verified", "action", "anomaly_score", "threshold", "p_value", "suspects"):
            assert getattr(found, name) == getattr(verdict, name)
        assert found.label_id == verdict.label_id
        assert found.neutralized_text == verdict.neutralized_text
