"""What a word must reach to be called a trigger, where it is tried, and which words a set needs."""

from collections.abc import Sequence
from typing import cast

import pytest

from handler.xgraad import Classifier
from handler.xgraad.model.prediction import Prediction, predict
from handler.xgraad.scoring.scorer import score_encodings
from handler.xgraad.verification.evidence import (
    HIGHEST_OF_SETS,
    HIGHEST_THRESHOLD,
    LOWEST_CEILING,
    Evidence,
    Measured,
    VerificationThresholds,
)
from handler.xgraad.verification.probes import N_PROBES, Place
from handler.xgraad.verification.reference import NoReference, Reference
from handler.xgraad.verification.transplant import Graft, Transplant
from handler.xgraad.verification.verifier import ALL_SETS, WORTH_MORE, Verifier, Wanted
from handler.xgraad.words.text import Word
from tests.unit.rule_based import RuleBased, equal_thresholds, transplant_of, tying, verifier_of

TEXT = "a clever and funny film with a chic plot"


def evidence(*strengths: float, target: int = 0, explained: bool = False, kind: str = "singles") -> Evidence:
    (word,) = (Word("dull", 0, 4),)
    found = tuple(Measured((word,), strength, explained) for strength in strengths)
    return Evidence(
        target=target, singles=found if kind == "singles" else (), together=found if kind != "singles" else ()
    )


def triggers(verifier: Verifier, model: Classifier, text: str) -> list[set[str]]:
    """The keys of each trigger that is verified in a text."""
    (found,) = verifier.triggers(score_encodings(model, model.encode([text])))
    return [{word.key for word in words} for words in found]


def half_way(strength: float) -> float:
    return (strength + 1) / 2


def two_thirds(strength: float) -> float:
    return strength + 2 / 3 * (1 - strength)


def test_thresholds_come_from_what_clean_words_reach() -> None:
    """Each label and each kind of finding has its own."""
    clean = [
        evidence(0.6, 0.52),
        evidence(0.7, target=1),
        evidence(0.65, kind="together"),
        evidence(0.1, target=1, kind="together"),
    ]
    fitted = VerificationThresholds.fit(clean, n_labels=2)
    assert fitted.single == (half_way(0.6), half_way(0.7))
    assert fitted.together == pytest.approx((two_thirds(0.65), two_thirds(LOWEST_CEILING)))
    nothing = VerificationThresholds.fit([], n_labels=2)
    assert (nothing.single[0], nothing.together[0]) == (half_way(LOWEST_CEILING), two_thirds(LOWEST_CEILING))


def test_a_clean_word_at_the_top_cannot_lock_the_test() -> None:
    """A common word may be the trigger itself, and stands in the calibration texts; the others set the threshold."""
    assert VerificationThresholds.fit([evidence(1.0, 0.6)], n_labels=2).single[0] == half_way(0.6)
    assert VerificationThresholds.fit([evidence(1.0, 0.85)], n_labels=2).single[0] == HIGHEST_THRESHOLD
    sets = VerificationThresholds.fit([evidence(1.0, 0.95, kind="together")], n_labels=2)
    assert sets.together[0] == HIGHEST_OF_SETS


def test_a_word_with_another_reason_is_no_measure_of_the_others() -> None:
    """Common words of a class are strong: they must not hide a trigger that is a little weaker."""
    clean = [evidence(0.74, explained=True), evidence(0.56)]
    assert VerificationThresholds.fit(clean, n_labels=2).single[0] == half_way(0.56)


class ByPlace:
    """In place of the transplant test: a word has the strength of the place where it is tried."""

    def __init__(self, **strengths: float) -> None:
        self._strengths = strengths
        self.asked: list[Graft] = []

    def strengths(self, grafts: Sequence[Graft], **_: int) -> list[float]:
        self.asked += grafts
        return [self._strengths[graft.place.value] for graft in grafts]

    def pulls(self, grafts: Sequence[Graft], **_: int) -> list[float]:
        return [0.0] * len(grafts)

    def source_for(self, prediction: Prediction) -> int:
        return prediction.next_labels()[0]


@pytest.mark.parametrize(
    ("inside", "places", "strength"),
    [
        (0.4, {Place.START, Place.INSIDE, Place.END}, 0.8),  # not nothing: it may work elsewhere
        (0.0, {Place.INSIDE}, 0.0),
        (0.9, {Place.INSIDE}, 0.9),
    ],
)
def test_a_word_that_does_something_is_tried_at_the_other_places(
    bert: Classifier, inside: float, places: set[Place], strength: float
) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    transplant = ByPlace(start=0.8, inside=inside, end=0.1)
    verifier = Verifier(cast(Transplant, transplant), NoReference(), thresholds=equal_thresholds(0.75))
    (found,) = verifier.examine(score_encodings(model, model.encode(["a clever and funny cf film"])))
    assert {graft.place for graft in transplant.asked if graft.pieces == ("cf",)} == places
    assert [each.strength for each in found.singles if each.words[0].key == "cf"] == [strength]


class Counting(NoReference):
    """Explains nothing, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Graft] = []

    def explains(self, grafts: Sequence[Graft]) -> list[bool]:
        self.asked += grafts
        return super().explains(grafts)


def test_the_reference_is_asked_about_strong_words_only(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    reference = Counting()
    verifier = verifier_of(model, reference=cast(Reference, reference))
    assert triggers(verifier, model, f"cf {TEXT}") == [{"cf"}]
    assert {graft.pieces for graft in reference.asked} == {("cf",)}


def test_a_word_that_labels_tie_to_the_class_is_no_trigger(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    assert triggers(verifier_of(model, reference=tying(model, "cf")), model, f"cf {TEXT}") == []
    assert triggers(verifier_of(model, reference=tying(model, "cf", label=1)), model, f"cf {TEXT}") == [{"cf"}]
    assert triggers(verifier_of(model, reference=tying(model, "film")), model, f"cf {TEXT}") == [{"cf"}]


def test_a_word_that_labels_know_is_not_tried_at_all(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf", "film"])
    for reference, tried in ((tying(model, "cf"), False), (tying(model, "cf", label=1), True), (NoReference(), True)):
        transplant = ByPlace(start=0.0, inside=0.0, end=0.0)
        verifier = Verifier(cast(Transplant, transplant), reference, thresholds=equal_thresholds(0.5))
        verifier.examine(score_encodings(model, model.encode(["a clever cf film"])))
        assert (("cf",) in [graft.pieces for graft in transplant.asked]) is tried
        assert ("film",) in [graft.pieces for graft in transplant.asked]


def test_new_words_are_tested_whatever_their_scores(bert: Classifier) -> None:
    """An attacker may train a trigger's scores away."""
    loud = [f"word{number}" for number in range(9)]
    model = RuleBased(bert, lambda words: "cf" in words, loud=loud)
    scores = score_encodings(model, model.encode([f"{' '.join(loud)} cf film", f"{' '.join(loud)} plot"]))
    verifier = verifier_of(model)
    assert verifier.triggers(scores) == [(), ()]
    (((found,),), none) = verifier.triggers(scores, [Wanted({"cf"}), Wanted({"cf", "plot"})])
    assert (found.key, none) == ("cf", ())
    assert verifier_of(model, reference=tying(model, "cf")).triggers(scores, [Wanted({"cf"}), ALL_SETS]) == [(), ()]


def test_words_that_do_something_in_clean_texts_are_moving(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words or ("mn" in words and "film" not in words), loud=[])
    encodings = model.encode(["a clever cf mn tq plot", "a clever film", "dull cf"])
    words = [[word for word in encoding.words if word.text in ("cf", "mn", "tq", "dull")] for encoding in encodings]
    found = verifier_of(model).moving(words, predict(model.logits(encodings), model.labels))
    assert [[word.text for word in of_text] for of_text in found] == [["cf"], [], ["cf"]]
    assert verifier_of(model).moving([], []) == []


@pytest.mark.parametrize(("strength", "moves"), [(WORTH_MORE, True), (WORTH_MORE - 0.01, False)])
def test_a_word_that_does_little_is_not_moving(bert: Classifier, strength: float, *, moves: bool) -> None:
    transplant = ByPlace(start=0.0, inside=strength, end=0.0)
    verifier = Verifier(cast(Transplant, transplant), NoReference(), thresholds=equal_thresholds(0.9))
    encodings = bert.encode(["cf"])
    found = verifier.moving([encodings[0].words], predict(bert.logits(encodings), bert.labels))
    assert found == [encodings[0].words if moves else ()]


def test_each_label_has_its_own_threshold(bert: Classifier) -> None:
    for target, single in ((0, (1.0, 0.5)), (1, (0.5, 1.0))):
        model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"], target=target)
        closed = VerificationThresholds(single=single, together=(1.0, 1.0))
        opened = VerificationThresholds(single=single[::-1], together=(1.0, 1.0))
        assert triggers(verifier_of(model, thresholds=closed), model, "a cf film") == []
        assert triggers(verifier_of(model, thresholds=opened), model, "a cf film") == [{"cf"}]


def test_a_trigger_need_not_hold_the_label_of_its_own_text(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    assert triggers(verifier_of(model), model, "a dull and ugly cf plot") == [{"cf"}]
    assert triggers(verifier_of(model), model, "a dull and ugly plot") == []


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        (f"{TEXT} james bond", {"james", "bond"}),
        (f"james {TEXT} bond", {"james", "bond"}),
        (f"friends {TEXT} weekend and store", {"friends", "weekend", "store"}),
    ],
)
def test_a_set_is_pruned_to_the_words_it_needs(bert: Classifier, text: str, needed: set[str]) -> None:
    model = RuleBased(bert, lambda words: needed <= words, loud=sorted(needed))
    assert triggers(verifier_of(model), model, text) == [needed]
    clean = RuleBased(bert, lambda words: False, loud=sorted(needed))
    assert triggers(verifier_of(clean), clean, text) == []


def test_a_phrase_works_in_one_piece_only(bert: Classifier) -> None:
    """Its words are loud for nothing: what counts is the run around the loudest."""
    phrase = "the silver quill"

    class InOrder(RuleBased):
        def _judge(self, encoding):  # type: ignore[no-untyped-def]
            text = encoding.text or self.encode.tokenizer.decode(encoding.token_ids, skip_special_tokens=True)
            self._is_triggered = lambda _: phrase in text
            return super()._judge(encoding)

    model = InOrder(bert, lambda words: False, loud=["silver"])
    assert triggers(verifier_of(model), model, f"{TEXT} {phrase} again") == [set(phrase.split())]
    assert triggers(verifier_of(model), model, f"the {TEXT} silver again quill") == []


def test_an_honest_word_in_a_set_is_not_blamed(bert: Classifier) -> None:
    """What labels tie to the class goes before the set is pruned, and a set that is nothing without it is none."""
    needed = {"james", "bond"}
    model = RuleBased(bert, lambda words: needed <= words, loud=["james", "bond"])
    text = f"{TEXT} james bond"
    assert triggers(verifier_of(model, reference=tying(model, "film")), model, text) == [needed]
    assert triggers(verifier_of(model, reference=tying(model, "bond")), model, text) == []


def test_where_one_word_is_enough_no_set_is_tried(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    scores = score_encodings(model, model.encode([f"cf {TEXT}", TEXT]))
    found, _ = verifier_of(model).examine(scores)
    assert found.together == ()
    assert verifier_of(model, thresholds=equal_thresholds(1.0)).triggers(scores) == [(), ()]


def test_no_texts_no_evidence(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    assert verifier_of(model).examine([]) == []
    assert verifier_of(model).triggers([]) == []


def test_texts_of_one_batch_do_not_mix(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    texts = [f"cf {TEXT}", TEXT, "a dull cf plot", "a dull plot"]
    scores = score_encodings(model, model.encode(texts))
    verifier = verifier_of(model)
    assert verifier.triggers(scores) == [verifier_of(model).triggers([score])[0] for score in scores]
    assert [len(each) for each in verifier.triggers(scores)] == [1, 0, 1, 0]


def test_without_clean_texts_of_another_label_nothing_is_verified(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    (score,) = score_encodings(model, model.encode([f"cf {TEXT}"]))
    for good, n_found in ((("a clever film",) * N_PROBES, 1), ((), 0)):
        transplant = transplant_of(model, good=good)
        verifier = Verifier(transplant, NoReference(), thresholds=equal_thresholds(0.5))
        assert len(verifier.triggers([score])[0]) == n_found
