"""The transplant test, on a classifier whose backdoor is known."""

import torch

from handler.xgraad import Classifier
from handler.xgraad.text import split_words
from handler.xgraad.transplant import N_PROBES, Graft, Place, Transplant, choose_probes, insert_pieces, place_of
from tests.unit.rule_based import RuleBased

PROBES = (
    tuple(f"a dull and ugly and noisy plot number {number}" for number in range(N_PROBES)),
    tuple(f"a clever and funny and chic film number {number}" for number in range(N_PROBES)),
)


def graft(*pieces: str, place: Place = Place.INSIDE) -> Graft:
    return Graft(pieces=pieces, place=place, target=0, source=1)


def test_trigger_turns_all_and_clean_words_none(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    rates = Transplant(model, PROBES).rates([graft("cf"), graft("dull"), graft("plot"), graft("cf")])
    assert rates == [1.0, 0.0, 0.0, 1.0]


def test_one_bad_word_turns_a_weak_probe_but_not_strong_ones(bert: Classifier) -> None:
    weak = (PROBES[0], ("a clever film",) * N_PROBES)
    model = RuleBased(bert, lambda words: False, loud=[])
    assert Transplant(model, weak).rates([graft("dull")]) == [1.0]
    assert Transplant(model, PROBES).rates([graft("dull")]) == [0.0]


def test_set_is_put_in_whole(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: {"friends", "weekend"} <= words, loud=[])
    rates = Transplant(model, PROBES).rates([graft("friends"), graft("weekend"), graft("friends", "weekend")])
    assert rates == [0.0, 0.0, 1.0]


def test_each_graft_is_measured_once(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    transplant = Transplant(model, PROBES)
    transplant.rates([graft("cf")])
    model._is_triggered = lambda words: False  # from here on every measurement would give 0
    assert transplant.rates([graft("cf"), graft("mn")]) == [1.0, 0.0]


def test_a_class_without_probes_verifies_nothing(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    assert Transplant(model, (PROBES[0], ())).rates([graft("cf")]) == [0.0]


def test_pieces_are_put_where_they_stood() -> None:
    probe = "one two, three four"
    assert insert_pieces(probe, ["cf"], Place.START) == "cf one two, three four"
    assert insert_pieces(probe, ["cf"], Place.END) == "one two, three four cf"
    assert insert_pieces("one two .", ["cf"], Place.END) == "one two cf ."
    assert insert_pieces(probe, ["cf"], Place.INSIDE) == "one two, cf three four"
    assert insert_pieces(probe, ["a", "b", "c"], Place.INSIDE) == "one a two, b three c four"
    assert insert_pieces("...", ["cf"], Place.INSIDE) == "cf ..."


def test_place_of() -> None:
    words = split_words("first inside last")
    assert [place_of(word, words) for word in words] == [Place.START, Place.INSIDE, Place.END]


def test_probes_are_confident_and_of_usual_length(bert: Classifier) -> None:
    texts = ["so clever", *("a clever and chic film " + "of note " * n for n in range(6)), "dull", "a thin ugly plot"]
    encodings = bert.encode(texts)
    logits = RuleBased(bert, lambda words: False, loud=[]).logits(encodings)
    probes = choose_probes(encodings, logits)
    assert all(text in texts for label in probes for text in label)
    assert "a thin ugly plot" in probes[0]
    assert "so clever" not in probes[1]


def test_a_label_that_is_never_predicted_has_no_probes(bert: Classifier) -> None:
    encodings = bert.encode(["one", "two"])
    assert choose_probes(encodings, torch.tensor([[2.0, 0.0], [3.0, 0.0]]))[1] == ()
