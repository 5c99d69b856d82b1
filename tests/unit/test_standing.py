"""How a label stands without what was verified: not at all, by little, firmly, or as in any clean text."""

import math
from collections.abc import Sequence

import pytest

from handler.xgraad import Classifier
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.rules.standing import FIRMLY, SOUNDLY, USUAL, Standing, Standings
from handler.xgraad.scoring.gate import GateScore
from tests.unit.rule_based import FixedGate, RuleBased, Weighted, rule_of, transplant_of

OWN_MARGIN = 2.0
STRIKING, PLAIN = USUAL, USUAL + 0.01


@pytest.fixture
def model(bert: Classifier) -> RuleBased:
    return RuleBased(bert, lambda words: "cf" in words, loud=[])


def prediction_with(margin: float, labels: Sequence[str]) -> Prediction:
    odds = math.exp(margin)
    others = [1 / (odds + len(labels) - 1)] * (len(labels) - 1)
    return Prediction.of([odds * others[0], *others], labels)


@pytest.mark.parametrize(
    ("share", "p_value", "standing"),
    [
        (0.01, STRIKING, Standing()),
        (0.01, PLAIN, Standing()),
        (SOUNDLY - 0.01, PLAIN, Standing()),
        (SOUNDLY + 0.01, PLAIN, Standing(looks_clean=True)),
        (SOUNDLY + 0.01, STRIKING, Standing()),
        (FIRMLY - 0.01, STRIKING, Standing()),
        (FIRMLY + 0.01, STRIKING, Standing(is_firm=True)),
        (FIRMLY + 0.01, PLAIN, Standing(is_firm=True, looks_clean=True)),
    ],
)
def test_the_margin_and_the_gate_say_how_a_label_stands(
    model: RuleBased, share: float, p_value: float, standing: Standing
) -> None:
    standings = Standings(model, FixedGate(lambda _: p_value), [OWN_MARGIN] * len(model.labels))
    prediction, gate = prediction_with(share * OWN_MARGIN, model.labels), GateScore(gate_score=1.0, p_value=p_value)
    assert standings.of(prediction, gate, suspect_label=prediction.label_id) == standing
    assert standings.of(prediction, gate, suspect_label=1 - prediction.label_id) == Standing(stands=False)


def test_many_texts_are_judged_as_each_alone(model: RuleBased) -> None:
    standings = Standings(model, FixedGate(lambda text: "plot" in text), transplant_of(model).own_margins)
    texts = ["a clever film", "a dull plot", "a dull film", "cf"]
    encodings = model.encode(texts)
    found = standings(encodings, [0, 0, 0, 1])
    assert [each.prediction.label_id for each in found] == [1, 0, 0, 0]
    assert [each.standing.stands for each in found] == [False, True, True, False]
    assert found == [standings([each], [label])[0] for each, label in zip(encodings, [0, 0, 0, 1], strict=True)]
    assert standings([], []) == []


def test_a_text_that_looks_clean_without_its_trigger_keeps_its_honest_words(bert: Classifier) -> None:
    """*silver* holds the label as an honest word would, and turns clean texts as well."""
    model = Weighted(bert, {"silver": 5.4}, needed=["cf"], loud=["cf", "silver"])
    (text,) = model.encode(["silver, a clever film, cf"])
    for looks_clean, suspects in ((False, ["silver", "cf"]), (True, ["cf"])):
        rule = rule_of(model, passes=lambda text, p=0.9 if looks_clean else 0.01: 0.01 if "cf" in text else p)
        (verdict,) = rule.judge([text], [False])
        assert [each.word for each in verdict.suspects] == suspects
        assert verdict.label_id == (0 if looks_clean else 1)


def test_a_second_trigger_is_looked_for_where_the_text_still_stands_out(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: bool({"cf", "mn"} & words), loud=["cf", "mn"])
    (text,) = model.encode(["a clever cf and funny mn film"])
    (verdict,) = rule_of(model).judge([text], [False])
    assert (verdict.label_id, {each.word for each in verdict.suspects}) == (1, {"cf", "mn"})
