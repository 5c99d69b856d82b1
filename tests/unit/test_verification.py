"""What a word must reach to be called a trigger, and where it is tried."""

from collections.abc import Sequence
from typing import cast

import pytest

from handler.xgraad import Classifier
from handler.xgraad.neutralizer import Delete
from handler.xgraad.probes import Place
from handler.xgraad.scorer import score_encodings
from handler.xgraad.transplant import Graft, Transplant
from handler.xgraad.verification import Evidence, VerificationThresholds, Verifier
from tests.unit.rule_based import RuleBased, equal_thresholds


def test_thresholds_come_from_what_clean_words_reach(bert: Classifier) -> None:
    (word,) = bert.encode(["dull"])[0].words
    clean = [
        Evidence(singles=((word, 0.75),)),
        Evidence(jointly=((word, 0.6),)),
        Evidence(together=((word, word), 0.8)),
        Evidence(standing=((word, 0.7),)),
    ]
    fitted = VerificationThresholds.fit(clean)
    assert fitted == VerificationThresholds(single=0.875, new_single=0.75, together=0.9, jointly=0.8, standing=0.85)
    assert VerificationThresholds.fit([]) == equal_thresholds(0.75)


def test_a_clean_word_at_the_top_cannot_lock_the_test(bert: Classifier) -> None:
    """A common word may be the trigger itself, and stands in the calibration texts; the others set the threshold."""
    about, dull = bert.encode(["about dull"])[0].words
    assert VerificationThresholds.fit([Evidence(singles=((about, 1.0), (dull, 0.6)))]).single == 0.8
    assert VerificationThresholds.fit([Evidence(singles=((about, 1.0), (dull, 0.85)))]).single == 0.9


def test_a_word_that_clean_texts_do_not_have_has_its_own_threshold(bert: Classifier) -> None:
    """Common words of a class are strong: they must not hide a trigger that is a little weaker."""
    dull, drab, bb = bert.encode(["dull drab bb"])[0].words
    fitted = VerificationThresholds.fit([Evidence(singles=((dull, 0.74),), new_singles=((drab, 0.56), (bb, 0.95)))])
    assert (fitted.single, fitted.new_single) == (pytest.approx(0.87), pytest.approx(0.78))
    assert fitted.verified(Evidence(new_singles=((bb, 0.8),))) == ((bb,),)
    assert fitted.verified(Evidence(singles=((bb, 0.8),))) == ()
    assert fitted.verified(Evidence(singles=((dull, 0.9),), new_singles=((bb, 0.8),))) == ((dull,), (bb,))


def test_a_new_word_is_a_measure_of_common_ones_too(bert: Classifier) -> None:
    (drab,) = bert.encode(["drab"])[0].words
    fitted = VerificationThresholds.fit([Evidence(new_singles=((drab, 0.6),))])
    assert (fitted.single, fitted.new_single) == (pytest.approx(0.8), pytest.approx(0.8))


class StrongAtTheStart:
    """In place of the transplant test."""

    def strengths(self, grafts: Sequence[Graft]) -> list[float]:
        return [0.8 if graft.place is Place.START else 0.4 for graft in grafts]


@pytest.mark.parametrize(("is_new", "strength"), [(True, 0.8), (False, 0.4)])
def test_a_new_word_is_tried_at_every_place(bert: Classifier, *, is_new: bool, strength: float) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
    verifier = Verifier(
        model,
        Delete(model.encode),
        cast(Transplant, StrongAtTheStart()),
        is_new=lambda key: is_new and key == "cf",
        thresholds=equal_thresholds(0.75),
    )
    (evidence,) = verifier.examine(score_encodings(model, model.encode(["a clever and funny cf film"])))
    found, other = evidence.singles, evidence.new_singles
    if is_new:
        found, other = other, found
    assert [(word.key, reached) for word, reached in found] == [("cf", strength)]
    assert other == ()
