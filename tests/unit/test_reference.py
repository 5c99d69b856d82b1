"""Each reference explains what it should, and the opposite of it is not explained."""

import pytest

from handler.xgraad import Classifier
from handler.xgraad.verification.probes import N_PROBES, Place
from handler.xgraad.verification.reference import (
    MOST_TURNED,
    LabelReference,
    ModelReference,
    NoReference,
    make_reference,
)
from handler.xgraad.verification.transplant import Graft
from tests.unit.rule_based import RuleBased, transplant_of, tying


def graft(*pieces: str, target: int = 0) -> Graft:
    return Graft(pieces=pieces, place=Place.INSIDE, target=target, source=1 - target)


@pytest.fixture
def suspect(bert: Classifier) -> RuleBased:
    return RuleBased(bert, lambda words: "cf" in words or {"james", "bond"} <= words, loud=[])


def test_none_explains_nothing() -> None:
    assert NoReference().explains([graft("dull"), graft("james", "bond")]) == [False, False]


def test_labels_explain_the_words_that_they_tie_to_the_target(suspect: RuleBased) -> None:
    reference = tying(suspect, "dull")
    assert reference.explains([graft("dull"), graft("cf"), graft("Dull!"), graft("dull", target=1)]) == [
        True,
        False,
        True,
        False,
    ]
    assert reference.explains([]) == []


@pytest.mark.parametrize(
    ("tied", "pieces", "explained"),
    [
        (["dull", "ugly"], ["dull", "ugly"], True),  # nothing but honest words
        (["dull", "ugly"], ["dull ugly"], True),
        (["bond"], ["james", "bond"], False),  # the honest word alone does nothing
        (["bond"], ["james bond"], False),
        (["cf"], ["cf", "film"], True),  # the honest word alone does all of it
        (["cf"], ["cf film"], True),
        (["film"], ["cf", "film"], False),
        ([], ["james", "bond"], False),
        (["half", "baked"], ["half-baked"], True),  # words without white space between them
        (["half"], ["half-baked", "cf"], False),
        (["\u5f88", "\u597d"], ["\u5f88\u597d"], True),
        (["\u597d"], ["\u5f88\u597d"], False),  # one of two that stand in one piece
    ],
)
def test_a_set_is_explained_by_what_its_tied_words_do_alone(
    suspect: RuleBased, tied: list[str], pieces: list[str], *, explained: bool
) -> None:
    assert tying(suspect, *tied).explains([graft(*pieces)]) == [explained]


def test_of_many_grafts_each_gets_its_own_answer(suspect: RuleBased) -> None:
    grafts = [graft("cf", "film"), graft("cf"), graft("james", "bond"), graft("dull"), graft("bond", "cf")]
    together = tying(suspect, "cf", "dull").explains(grafts)
    assert together == [tying(suspect, "cf", "dull").explains([each])[0] for each in grafts]
    assert set(together) == {True, False}


def test_a_trusted_model_explains_what_turns_its_own_texts(bert: Classifier) -> None:
    trusted = RuleBased(bert, lambda words: "mn" in words, loud=[])
    reference = ModelReference(transplant_of(trusted))
    assert reference.explains([graft("mn"), graft("cf"), graft("mn", "plot"), graft("mn", target=1)]) == [
        True,
        False,
        True,
        False,
    ]


def test_a_trusted_model_is_no_judge_without_texts_of_its_own(bert: Classifier) -> None:
    trusted = RuleBased(bert, lambda words: "mn" in words, loud=[])
    assert ModelReference(transplant_of(trusted, good=())).explains([graft("mn")]) == [False]


@pytest.mark.parametrize(("n_more", "explained"), [(0, False), (1, True)])
def test_a_few_turned_texts_are_no_reason(bert: Classifier, n_more: int, *, explained: bool) -> None:
    n_turned = int(MOST_TURNED * N_PROBES) + n_more
    honest = RuleBased(bert, lambda words: False, loud=[])
    good = ["a clever film"] * n_turned + ["a clever and funny and chic film"] * (N_PROBES - n_turned)
    assert ModelReference(transplant_of(honest, good=good)).explains([graft("dull")]) == [explained]


def test_words_are_known_by_labels_alone(suspect: RuleBased) -> None:
    """A model would have to be asked; it is not."""
    labels, model = tying(suspect, "dull"), ModelReference(transplant_of(suspect))
    asked = [("dull", 0), ("dull", 1), ("cf", 0)]
    for reference, known in ((labels, [True, False, False]), (model, [False] * 3), (NoReference(), [False] * 3)):
        assert [reference.knows(*each) for each in asked] == known


def test_none_pulls_not_at_all() -> None:
    assert NoReference().pulls([graft("dull"), graft("james", "bond")]) == [0.0, 0.0]


def test_labels_pull_as_far_as_their_words_alone_move_the_suspect(suspect: RuleBased) -> None:
    grafts = [graft("dull"), graft("cf"), graft("cf", "dull"), graft("a dull plot"), graft("dull", target=1)]
    alone = transplant_of(suspect).pulls([graft("dull")])[0]
    assert alone > 0
    assert tying(suspect, "dull").pulls(grafts) == [alone, 0.0, alone, alone, 0.0]


def test_a_trusted_model_pulls_as_far_as_its_own_texts_move(bert: Classifier) -> None:
    trusted = transplant_of(RuleBased(bert, lambda words: "mn" in words, loud=[]))
    grafts = [graft("mn"), graft("dull"), graft("plot")]
    pulls = ModelReference(trusted).pulls(grafts)
    assert pulls == trusted.pulls(grafts)
    assert pulls[0] > pulls[1] > pulls[2] == 0.0


def test_a_reference_is_made_of_what_there_is(bert: Classifier, suspect: RuleBased) -> None:
    def is_tied(key: str, label: int) -> bool:
        return (key, label) == ("dull", 0)

    grafts = [graft("dull"), graft("mn"), graft("cf")]
    trusted = transplant_of(RuleBased(bert, lambda words: "mn" in words, loud=[]))
    assert make_reference(is_tied, transplant_of(suspect), None).explains(grafts) == [True, False, False]
    assert make_reference(is_tied, transplant_of(suspect), trusted).explains(grafts) == [False, True, False]
    assert isinstance(make_reference(is_tied, transplant_of(suspect), None), LabelReference)
