"""The transplant test, on a classifier whose backdoor is known."""

from handler.xgraad import Classifier
from handler.xgraad.probes import N_PROBES, Place
from handler.xgraad.transplant import Graft, Transplant
from tests.unit.rule_based import RuleBased, probes_of


def graft(*pieces: str, place: Place = Place.INSIDE) -> Graft:
    return Graft(pieces=pieces, place=place, target=0, source=1)


def test_trigger_turns_all_and_clean_words_none(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    rates = Transplant(model, probes_of(model)).rates([graft("cf"), graft("dull"), graft("plot"), graft("cf")])
    assert rates == [1.0, 0.0, 0.0, 1.0]


def test_one_bad_word_turns_a_weak_probe_but_not_strong_ones(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: False, loud=[])
    weak = probes_of(model, good=["a clever film"] * N_PROBES)
    assert Transplant(model, weak).rates([graft("dull")]) == [1.0]
    assert Transplant(model, probes_of(model)).rates([graft("dull")]) == [0.0]


def test_set_is_put_in_whole(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: {"friends", "weekend"} <= words, loud=[])
    grafts = [graft("friends"), graft("weekend"), graft("friends", "weekend"), graft("friends weekend")]
    assert Transplant(model, probes_of(model)).rates(grafts) == [0.0, 0.0, 1.0, 1.0]


def test_each_graft_is_measured_once(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    transplant = Transplant(model, probes_of(model))
    transplant.rates([graft("cf")])
    model._is_triggered = lambda words: False  # from here on every measurement would give 0
    assert transplant.rates([graft("cf"), graft("mn")]) == [1.0, 0.0]


def test_a_class_without_probes_verifies_nothing(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    assert Transplant(model, probes_of(model, good=())).rates([graft("cf")]) == [0.0]
