"""A label in dispute: the gate objects, the reference objects, and no trigger is found."""

from typing import Any

import pytest

from handler.answers.policy import Answer, ServedAction, settle
from handler.settings import Settings
from handler.xgraad import Classifier, Defense, Verdict, VerifiedOptions
from handler.xgraad.editing.verdict import Action
from handler.xgraad.errors import SettingsError
from handler.xgraad.rules.second_opinion import SecondOpinion
from tests.unit.rule_based import RuleBased, rule_of

TEXT = "a clever and funny film with a chic plot"
REWRITTEN = frozenset(TEXT.split())
"""Stands for an attack that inserts nothing: no word of it is a trigger, and the whole is one."""


def judged(bert: Classifier, *, agrees: bool, passes: bool = True, asked: bool = True) -> Verdict:
    """The suspect has the text wrong; the trusted model does not, unless it agrees."""
    suspect = RuleBased(bert, lambda words: words == REWRITTEN, loud=[])
    trusted = suspect if agrees else RuleBased(bert, lambda words: False, loud=[])
    opinion = SecondOpinion(trusted, suspect.labels) if asked else None
    rule = rule_of(suspect, passes=lambda _: passes, second_opinion=opinion)
    return rule.judge(suspect.encode([TEXT]), [False])[0]


def test_the_reference_answers_where_the_gate_objects_too(bert: Classifier) -> None:
    verdict = judged(bert, agrees=False)
    assert (verdict.undefended.label_id, verdict.label_id, verdict.action) == (0, 1, Action.OVERRULED)
    assert (verdict.verified, verdict.suspects, verdict.neutralized_text) == (False, (), None)


@pytest.mark.parametrize(
    "case", [{"agrees": True}, {"agrees": False, "passes": False}, {"agrees": False, "asked": False}]
)
def test_otherwise_the_label_stands(bert: Classifier, case: dict[str, Any]) -> None:
    verdict = judged(bert, **case)
    assert (verdict.label_id, verdict.action) == (0, Action.PASSED)


def test_a_text_with_a_verified_trigger_is_not_asked_about(bert: Classifier) -> None:
    suspect = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    opposite = RuleBased(bert, lambda words: True, loud=[])
    rule = rule_of(suspect, passes=lambda _: True, second_opinion=SecondOpinion(opposite, suspect.labels))
    (verdict,) = rule.judge(suspect.encode([f"{TEXT} cf"]), [False])
    assert (verdict.action, verdict.label_id) == (Action.NEUTRALIZED, 1)


@pytest.mark.parametrize(
    ("second_opinion", "action", "label_id"),
    [
        ("ignore", ServedAction.PASSED, 0),
        ("answer", ServedAction.OVERRULED, 1),
        ("annotate", ServedAction.ANNOTATED, 0),
        ("abstain", ServedAction.ABSTAINED, None),
    ],
)
def test_the_operator_says_what_becomes_of_it(
    bert: Classifier, second_opinion: Any, action: ServedAction, label_id: int | None
) -> None:
    settings = Settings(second_opinion=second_opinion, on_trigger="block")
    (answer,) = settle([judged(bert, agrees=False)], settings)
    assert isinstance(answer, Answer)
    assert (answer.action, answer.prediction and answer.prediction.label_id) == (action, label_id)


def test_a_calibration_without_a_reference_model_cannot_give_one(bert_folder: Any) -> None:
    with pytest.raises(SettingsError, match="second_opinion needs a calibration with a reference model"):
        Defense.load(bert_folder, options=VerifiedOptions(second_opinion=True))
