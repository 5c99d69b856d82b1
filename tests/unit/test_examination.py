"""A text under examination: where the triggers that are verified in it are taken to stand."""

import pytest

from handler.xgraad import Classifier
from handler.xgraad.editing.edit import edit_words
from handler.xgraad.editing.neutralizer import Delete
from handler.xgraad.rules.examination import Case
from handler.xgraad.rules.standing import Standing
from handler.xgraad.scoring.scorer import score_encodings
from handler.xgraad.words.text import Word, split_words
from tests.unit.rule_based import RuleBased


@pytest.fixture
def model(bert: Classifier) -> RuleBased:
    return RuleBased(bert, lambda words: "cf" in words, loud=["cf"])


def case_of(model: Classifier, text: str) -> Case:
    (score,) = score_encodings(model, model.encode([text]))
    return Case(score)


def as_edited(*texts: str) -> tuple[Word, ...]:
    """Words where the edited text has them; only what they are matters."""
    return split_words(" ".join(texts))


def starts(case: Case) -> list[int]:
    return [word.start for word in case.triggers]


@pytest.mark.parametrize(
    ("trigger", "expected"),
    [(["cf"], [0, 16]), (["CF"], [0, 16]), (["plot", "mn"], [8, 13]), (["mn", "cf"], [13, 16]), (["tq"], [])],
)
def test_a_trigger_stands_where_a_registry_would_find_it(
    model: RuleBased, trigger: list[str], expected: list[int]
) -> None:
    case = case_of(model, "cf film plot mn cf")
    case.take(as_edited(*trigger))
    assert starts(case) == expected


def test_what_was_taken_before_is_not_taken_again(model: RuleBased) -> None:
    """The text is examined without it, so what is verified next stands in what is left."""
    case = case_of(model, "mn plot film mn")
    case.take(as_edited("plot", "mn"))
    case.take(as_edited("film", "mn"))
    assert starts(case) == [0, 3, 8, 13]
    case.take(as_edited("plot"))
    assert starts(case) == [0, 3, 8, 13]


@pytest.mark.parametrize(
    ("standing", "is_open", "may_hold_rest"),
    [
        (Standing(), True, True),
        (Standing(is_firm=True), True, True),
        (Standing(looks_clean=True), False, True),
        (Standing(is_firm=True, looks_clean=True), False, False),
        (Standing(stands=False), False, False),
    ],
)
def test_a_case_is_looked_at_while_its_label_stands_and_it_does_not_look_clean(
    model: RuleBased, standing: Standing, *, is_open: bool, may_hold_rest: bool
) -> None:
    case = case_of(model, "a clever cf film")
    assert (case.is_open, case.may_hold_rest) == (True, False), "no trigger is known of it"
    case.take(as_edited("cf"))
    case.standing = standing
    assert (case.is_open, case.may_hold_rest) == (is_open, may_hold_rest)


def test_without_what_was_removed_other_characters_touch(model: RuleBased) -> None:
    """They are one word in the text as edited, and two in the text as it came."""
    case = case_of(model, "很魔cf法好")
    case.triggers = tuple(word for word in case.original.encoding.words if word.text == "cf")
    case.edit = edit_words(case.original, case.triggers, Delete(model.encode))
    assert case.edit.text == "很魔法好"
    case.take([word for word in split_words(case.edit.text) if word.text in "魔法"])
    assert [word.text for word in case.triggers] == ["cf", "魔", "法"]
    assert starts(case) == [2, 1, 4]
