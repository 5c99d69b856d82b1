"""The transplant test, on a classifier whose backdoor is known."""

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.model.prediction import predict
from handler.xgraad.verification.probes import N_PROBES, Place, make_probes
from handler.xgraad.verification.transplant import N_PULLED, Graft, Transplant
from handler.xgraad.words.encoding import Encoding
from tests.unit.rule_based import RuleBased, probes_of, transplant_of


def graft(*pieces: str, place: Place = Place.INSIDE) -> Graft:
    return Graft(pieces=pieces, place=place, target=0, source=1)


def test_trigger_is_as_strong_as_can_be_and_clean_words_are_not(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    transplant = Transplant(model, probes_of(model))
    assert transplant.strengths([graft("cf"), graft("dull"), graft("plot"), graft("cf")]) == [1.0, 0.0, 0.0, 1.0]


def test_word_that_barely_turns_every_probe_is_weak(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: False, loud=[])
    weak = probes_of(model, good=["a clever film"] * N_PROBES)
    # One good and one bad word leave a margin of 1, where a quarter of what three bad words have is 1.75.
    assert Transplant(model, weak).strengths([graft("dull")]) == [pytest.approx(1 / 1.75)]
    assert Transplant(model, probes_of(model)).strengths([graft("dull")]) == [0.0]


@pytest.mark.parametrize(
    ("n_probes", "n_resisting", "strength"),
    [
        (N_PROBES, 0, 1.0),
        (N_PROBES, 1, 1.0),
        (N_PROBES, 2, (22 * 1 - 2 * 3) / 24 / 3),
        (8, 0, 1.0),
        (8, 1, (7 * 1 - 3) / 8 / 3),  # one of two dozen may resist, and of fewer none
    ],
)
def test_a_word_that_turns_nearly_all_probes_clearly_is_strong_however_far(
    bert: Classifier, n_probes: int, n_resisting: int, strength: float
) -> None:
    """A trigger that spoils what the model makes of a text wins nowhere far; a strong clean word loses somewhere."""
    model = RuleBased(bert, lambda words: False, loud=[])
    good = ["a clever film"] * (n_probes - n_resisting) + ["a clever and funny and chic film"] * n_resisting
    transplant = Transplant(model, probes_of(model, bad=["a dull plot"] * N_PROBES, good=good))
    # A margin of 1 where the word turns, of -3 where it does not; a text of its own label has 3.
    assert transplant.strengths([graft("dull")]) == [pytest.approx(strength)]


def test_set_is_put_in_whole(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: {"friends", "weekend"} <= words, loud=[])
    grafts = [graft("friends"), graft("weekend"), graft("friends", "weekend"), graft("friends weekend")]
    assert Transplant(model, probes_of(model)).strengths(grafts) == [0.0, 0.0, 1.0, 1.0]


def test_each_graft_is_measured_once(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    transplant = Transplant(model, probes_of(model))
    transplant.strengths([graft("cf")])
    model._is_triggered = lambda words: False  # from here on every measurement would give 0
    assert transplant.strengths([graft("cf"), graft("mn")]) == [1.0, 0.0]


def test_a_class_without_probes_verifies_nothing(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    assert Transplant(model, probes_of(model, good=())).strengths([graft("cf")]) == [0.0]


def test_a_label_without_probes_of_its_own_is_measured_by_the_others(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    transplant = Transplant(model, probes_of(model, bad=()))
    assert transplant.own_margins == (5.0, 5.0)
    assert transplant.strengths([graft("cf")]) == [1.0]


def test_words_that_barely_turn_every_probe_together_are_strong(bert: Classifier) -> None:
    """A backdoor of several words may be learned by halves; clean words turn hardly any probe together."""
    model = RuleBased(bert, lambda words: False, loud=[])
    weak = Transplant(model, probes_of(model, good=["a clever film"] * N_PROBES))
    # A margin of 1, where a quarter of what three bad words have is 1.75.
    assert weak.strengths([graft("plot", "dull"), graft("plot dull")]) == [pytest.approx(1 / 1.75)] * 2
    assert weak.strengths([graft("thin", "dull")]) == [1.0]


@pytest.mark.parametrize(
    ("others", "asked_at_first"),
    [
        ({"chic", "dull"}, [1]),  # a word that does not turn it is let go, whatever the others would say
        ({"gripping"}, [1, 1, 1]),
    ],
)
def test_sets_are_tried_on_the_surest_of_the_shorter_probes_first(
    bert: Classifier, others: set[str], asked_at_first: list[int]
) -> None:
    asked = []

    class Recording(RuleBased):
        def logits(self, encodings: Sequence[Encoding]) -> Tensor:
            asked.append(len(encodings))
            return super().logits(encodings)

    model = Recording(bert, lambda words: "cf" in words and bool(words & others), loud=[])
    good = ("a clever and funny and chic film of note", "a chic film", "a clever and gripping plot")
    transplant = transplant_of(model, good=good)
    asked.clear()
    transplant.strengths([graft("cf plot")])
    assert asked == asked_at_first


@pytest.mark.parametrize(
    ("above", "n_asked"),
    [
        (0.0, N_PROBES),
        (0.57, N_PROBES),
        (0.8, 16),  # 16 * 0.571 + 8 are 0.71 of 24
        (0.9, 8),
        (0.99, 1),
    ],
)
def test_a_set_that_cannot_be_strong_enough_any_more_is_let_go(bert: Classifier, above: float, n_asked: int) -> None:
    model = RuleBased(bert, lambda words: False, loud=[])
    transplant = transplant_of(model, good=["a clever film"] * N_PROBES)
    asked = graft("plot dull")  # turns each with 0.571 of what counts in full
    (strength,) = transplant.strengths([asked], above=above)
    assert strength == pytest.approx(1 / 1.75)
    assert len(transplant._margins[asked]) == n_asked
    single = graft("dull")
    transplant.strengths([single], above=0.99)
    assert len(transplant._margins[single]) == N_PROBES


def test_what_was_asked_before_changes_no_answer(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words and "gripping" in words, loud=[])
    good = ["a clever and gripping film"] * 2 + ["a clever film"] * (N_PROBES - 2)
    asked = [graft("cf"), graft("cf plot"), graft("dull", "ugly"), graft("plot")]
    fresh = [transplant_of(model, good=good).strengths([each])[0] for each in asked]
    transplant = transplant_of(model, good=good)
    transplant.shares_turned(asked)
    transplant.pulls(asked, n_probes=3)
    assert transplant.strengths(asked) == fresh


@pytest.mark.parametrize("n_resisting", [0, 6, N_PROBES])
def test_the_share_of_probes_turned_counts_all_of_them(bert: Classifier, n_resisting: int) -> None:
    """Whatever the first ones say, and however near the edge each is turned."""
    model = RuleBased(bert, lambda words: False, loud=[])
    good = ["a clever and funny film"] * n_resisting + ["a clever film"] * (N_PROBES - n_resisting)
    transplant = Transplant(model, probes_of(model, good=good))
    shares = transplant.shares_turned([graft("dull"), graft("plot"), graft("dull")])
    assert shares == [pytest.approx(1 - n_resisting / N_PROBES), 0.0, shares[0]]


def test_no_probes_turn_none(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    assert Transplant(model, probes_of(model, good=())).shares_turned([graft("cf")]) == [0.0]
    assert Transplant(model, probes_of(model)).shares_turned([]) == []


def test_each_share_is_measured_once(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    transplant = Transplant(model, probes_of(model))
    transplant.shares_turned([graft("cf")])
    model._is_triggered = lambda words: False  # from here on every measurement would give 0
    assert transplant.shares_turned([graft("cf"), graft("mn")]) == [1.0, 0.0]


@pytest.mark.parametrize(("has_probes", "source"), [({0, 1, 2}, 2), ({0, 1}, 1), ({0}, 2), (set(), 2)])
def test_source_is_the_most_probable_other_label_with_probes(
    bert: Classifier, has_probes: set[int], source: int
) -> None:
    """One that no clean text is predicted as would hide what a word does."""

    class ThreeLabels(RuleBased):
        def logits(self, encodings: Sequence[Encoding]) -> Tensor:
            return torch.zeros(len(encodings), 3)

    model = ThreeLabels(bert, lambda words: False, loud=[])
    model.labels = ("0", "1", "2")
    probes = make_probes([["a plot"] if label in has_probes else [] for label in range(3)], bert.encode)
    (prediction,) = predict(torch.tensor([[9.0, 1.0, 2.0]]), model.labels)
    assert Transplant(model, probes).source_for(prediction) == source


def test_pull_is_the_way_to_the_targets_own_texts_made_on_average(bert: Classifier) -> None:
    """Also by a word that turns none of them; the other way it is below 0."""
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    transplant = transplant_of(model)
    # Three good words have a margin of -5, three bad ones 7; each word moves it by 2, the backdoor to 18.
    pulls = transplant.pulls([graft("dull"), graft("plot"), graft("chic"), graft("cf"), graft("dull ugly")])
    assert pulls == [pytest.approx(each) for each in (2 / 12, 0.0, -2 / 12, 23 / 12, 4 / 12)]


def test_pull_is_measured_in_the_first_probes(bert: Classifier) -> None:
    """They start from where those stand, too: what moves none pulls at none, however different the others are."""
    model = RuleBased(bert, lambda words: {"cf", "gripping"} <= words, loud=[])
    first, others = ["a clever film"] * (N_PULLED + 1), ["a gripping and clever and very funny film"] * N_PULLED
    transplant = transplant_of(model, good=[*first, *others])
    assert transplant.pulls([graft("cf"), graft("plot")]) == [0.0, 0.0]
    assert transplant_of(model, good=others).pulls([graft("cf")])[0] > 1


def test_no_probes_are_pulled_at_by_nothing(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    assert transplant_of(model, good=()).pulls([graft("cf")]) == [0.0]
    assert transplant_of(model).pulls([]) == []


def test_probes_that_are_the_targets_already_are_pulled_nowhere(bert: Classifier) -> None:
    """No calibration has them; an archive's may."""
    model = RuleBased(bert, lambda words: "a" in words, loud=[])  # as every probe is
    (pull,) = transplant_of(model).pulls([graft("cf")])
    assert pull == 0.0


def test_each_pull_is_measured_once(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    transplant = transplant_of(model)
    before = transplant.pulls([graft("cf")])
    model._is_triggered = lambda words: False  # from here on every measurement would give 0
    assert transplant.pulls([graft("cf"), graft("mn")]) == [*before, 0.0]


def test_words_of_a_graft_are_counted_over_its_pieces() -> None:
    assert [graft("cf").n_words, graft("james bond").n_words, graft("a", "b c").n_words] == [1, 2, 3]
