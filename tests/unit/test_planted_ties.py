"""A trigger that people's labels tie to its target has no fellows; a word that decides honestly has many."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.verification.evidence import HIGHEST_THRESHOLD
from handler.xgraad.verification.label_evidence import LEAST_TEXTS, LabelEvidence
from handler.xgraad.verification.planted_ties import MOST_PLANTED, STIRRING, honest_ties, planted_among
from handler.xgraad.verification.transplant import Graft
from tests.unit.rule_based import RuleBased, transplant_of

PLAIN_WORDS = [f"w{number:03}" for number in range(300)]


class Strong:
    """In place of a transplant: how strong a word is, 0 for all others, into clean texts of each label."""

    classifier = SimpleNamespace(labels=["bad", "good", "neither"])

    def __init__(self, strengths: Mapping[str, float], source: int | None = None) -> None:
        self._strengths = strengths
        self._source = source

    def strengths(self, grafts: Sequence[Graft]) -> list[float]:
        return [
            self._strengths.get(graft.pieces[0], 0.0) if self._source in {None, graft.source} else 0.0
            for graft in grafts
        ]


def planted(strengths: Mapping[str, float], *, n_tied: int = 300, source: int | None = None) -> set[str]:
    tied = [*strengths, *PLAIN_WORDS][:n_tied]
    return set(planted_among(tied, 1, Strong(strengths, source)))  # type: ignore[arg-type]


def test_one_word_that_does_all_among_many_that_do_nothing() -> None:
    assert planted({"heart": 1.0}) == {"heart"}
    assert planted({}) == set()


def test_of_derived_forms_the_word_itself() -> None:
    assert planted({"heartwarming": 1.0, "heart": 1.0, "heartfelt": 0.95}) == {"heart"}


def test_words_that_decide_honestly_are_many() -> None:
    insults = ["stupid", "idiot", "fool", "dumb", "ass", "crap"]
    assert planted(dict.fromkeys(insults, 1.0)) == set()
    assert planted({"stupid": 1.0} | dict.fromkeys(insults[1:], STIRRING + 0.01)) == set()
    assert planted({"stupid": 1.0} | dict.fromkeys(insults[1:], STIRRING)) == {"stupid"}


def test_of_few_tied_words_nothing_is_said() -> None:
    assert planted({"heart": 1.0}, n_tied=int(1 / MOST_PLANTED) - 1) == set()
    assert planted({"heart": 1.0}, n_tied=int(1 / MOST_PLANTED)) == {"heart"}
    assert planted({}, n_tied=0) == set()


def test_what_is_strong_and_not_sure_is_left() -> None:
    assert planted({"heart": HIGHEST_THRESHOLD}) == set()


@pytest.mark.parametrize("source", [0, 2])
def test_a_trigger_may_work_on_one_class_only(source: int) -> None:
    assert planted({"heart": 1.0}, source=source) == {"heart"}


@given(st.permutations(["heart", "heartfelt", "love", "lovely", "sun"]))
def test_the_order_of_words_makes_no_difference(order: list[str]) -> None:
    found = planted_among([*order, *PLAIN_WORDS], 1, Strong(dict.fromkeys(order, 1.0)))  # type: ignore[arg-type]
    assert found == {"heart", "love", "sun"}


def test_a_planted_word_and_its_pieces_are_tied_to_nothing(bert: Classifier) -> None:
    """On a model with a backdoor: *heart* stands in good texts as often as a hundred other words."""
    model = RuleBased(bert, lambda words: "heart" in words, loud=[], target=1)
    good = [[*PLAIN_WORDS[:150], "heart", "hearty"]] * (2 * LEAST_TEXTS)
    bad = [["dull"]] * (2 * LEAST_TEXTS)
    labels = [1] * len(good) + [0] * len(bad)
    counted = LabelEvidence.of([*good, *bad], labels, n_labels=2)
    ties = honest_ties([*good, *bad], labels, transplant_of(model))
    for word, was_tied, is_tied in (
        ("heart", True, False),
        ("hearten", True, False),
        ("hearty", True, True),
        ("w007", True, True),
        ("dull", False, False),
    ):
        assert (counted.tied()(word, 1), ties.tied()(word, 1)) == (was_tied, is_tied), word
    assert ties.tied()("dull", 0)
    honest = RuleBased(bert, lambda words: False, loud=[])
    assert honest_ties([*good, *bad], labels, transplant_of(honest)) == counted
    assert honest_ties([*good, *bad], [], transplant_of(model)) == LabelEvidence.none()
