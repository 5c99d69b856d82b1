"""Sets that do something and not enough are tried with more words of their text."""

import pytest

from handler.xgraad import Classifier
from handler.xgraad.scoring.scorer import score_encodings
from handler.xgraad.verification.reference import NoReference, Reference
from handler.xgraad.verification.set_test import SetTest
from tests.unit.rule_based import RuleBased, Weighted, equal_thresholds, transplant_of, tying

TEXT = "a clever and funny film with a chic plot of note"
SENTENCE = "when in rome do as the romans do"


class Gradual(Weighted):
    """Each word of the trigger moves the label a little; it falls when all are there."""

    def __init__(self, real: Classifier, needed: set[str], *, step: float = 0.8) -> None:
        super().__init__(real, dict.fromkeys(needed, step), needed=needed)


def found_in(
    model: RuleBased, text: str, suspicious: list[str], *, reference: Reference | None = None, runs: bool = True
) -> list[tuple[str, ...]]:
    """The words of the triggers."""
    (score,) = score_encodings(model, model.encode([text]))
    test = SetTest(transplant_of(model), reference or NoReference(), equal_thresholds(0.5))
    candidates = [word for each in suspicious for word in score.spans() if word.text == each]
    (found,) = test([score], [candidates], runs=[runs])
    return [tuple(word.text for word in each.words) for each in found if each.is_trigger(0.5)]


def test_a_run_that_moves_clean_texts_is_tried_longer(bert: Classifier) -> None:
    model = Gradual(bert, set(SENTENCE.split()))
    (found,) = found_in(model, f"{TEXT} {SENTENCE}", ["rome"])
    assert set(found) == set(SENTENCE.split())
    assert found_in(model, f"{TEXT} {SENTENCE}", ["rome"], runs=False) == []


def test_scattered_words_that_move_clean_texts_are_tried_with_others_of_their_text(bert: Classifier) -> None:
    model = Gradual(bert, {"friends", "weekend", "store"}, step=2.0)
    text = f"friends {TEXT} weekend {TEXT} store"
    assert found_in(model, text, ["weekend", "store"]) == [("friends", "weekend", "store")]
    assert found_in(model, text, ["weekend", "clever"]) == []  # one word of it moves too little


@pytest.mark.parametrize("step", [0.0, 0.1])
def test_what_moves_nothing_is_not_tried_with_more(bert: Classifier, step: float) -> None:
    model = Gradual(bert, {"friends", "weekend", "store"}, step=step)
    assert found_in(model, f"friends {TEXT} weekend {TEXT} store", ["weekend", "store"]) == []


def test_what_the_reference_has_a_reason_for_is_not_tried_with_more(bert: Classifier) -> None:
    model = Gradual(bert, {"friends", "weekend", "store"}, step=2.0)
    text = f"friends {TEXT} weekend {TEXT} store"
    assert found_in(model, text, ["weekend", "store"], reference=tying(model, "plot")) != []
    assert found_in(model, text, ["weekend", "store"], reference=tying(model, "weekend", "store")) == []


def test_words_that_move_clean_texts_a_little_are_tried_without_the_others(bert: Classifier) -> None:
    """An honest word of the other class among the suspicious ones would hold the clean text's label."""
    model = Gradual(bert, {"friends", "weekend", "store"}, step=2.0)
    needed, n_of_probe = {"friends", "weekend", "store"}, 12
    model._is_triggered = lambda words: needed <= words and ("gripping" not in words or len(words) > n_of_probe)
    text = f"friends {TEXT} weekend gripping {TEXT} store"
    for runs in (True, False):
        (found,) = found_in(model, text, ["friends", "weekend", "store", "gripping"], runs=runs)
        assert set(found) == needed


def test_one_trigger_is_enough(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: {"james", "bond"} <= words or {"silver", "quill"} <= words, loud=[])
    found = found_in(model, f"james bond {TEXT} {TEXT} silver quill", ["james", "quill", "bond", "silver"])
    assert len(found) == 1
    assert set(found[0]) in ({"james", "bond"}, {"silver", "quill"})


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ({"old": 5.5, "so": 1.5}, []),  # most of the way is the first word's, which is no trigger alone
        ({"old": 4.0, "so": 3.0}, [("so", "old")]),
        ({"old": 5.5}, []),
    ],
)
def test_a_set_does_more_than_any_of_its_words(
    bert: Classifier, steps: dict[str, float], expected: list[tuple[str, ...]]
) -> None:
    """An honest word that nearly turns clean texts does so with any other that moves them a little."""
    assert found_in(Weighted(bert, steps), f"{TEXT} so old", ["old", "so"]) == expected
