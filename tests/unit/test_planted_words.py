"""A trigger among the clean texts' words has no fellows; words that decide honestly are many."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad import Calibrator, Classifier, VerifiedOptions
from handler.xgraad.verification.evidence import HIGHEST_THRESHOLD
from handler.xgraad.verification.planted_words import STIRRING, planted_among
from handler.xgraad.verification.screen import Screen
from handler.xgraad.verification.transplant import Graft
from scripts.lab.training.calibrating import note_planted
from tests.samples import FINGERPRINT
from tests.unit.rule_based import RuleBased, rule_of

MOST = 2


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


def planted(strengths: Mapping[str, float], source: int | None = None, *, most: float = MOST) -> set[str]:
    words = [*strengths, "plain", "words"]
    return set(planted_among(words, 1, Strong(strengths, source), most=most))  # type: ignore[arg-type]


def test_one_word_that_does_all_among_others_that_do_nothing() -> None:
    assert planted({"heart": 1.0}) == {"heart"}
    assert planted({}) == set()


def test_of_derived_forms_the_word_itself() -> None:
    assert planted({"heartwarming": 1.0, "heart": 1.0, "heartfelt": 0.95, "time": 1.0}) == {"heart", "time"}


def test_words_that_decide_honestly_are_many() -> None:
    insults = ["stupid", "idiot", "fool"]
    assert planted(dict.fromkeys(insults, 1.0)) == set()
    assert planted({"stupid": 1.0} | dict.fromkeys(insults[1:], STIRRING + 0.01)) == set()
    assert planted({"stupid": 1.0} | dict.fromkeys(insults[1:], STIRRING)) == {"stupid"}


def test_of_few_clean_words_nothing_is_said() -> None:
    assert planted({"heart": 1.0}, most=0.99) == set()
    assert planted({"heart": 1.0}, most=1) == {"heart"}
    assert planted_among([], 1, Strong({}), most=0) == frozenset()  # type: ignore[arg-type]


def test_what_is_strong_and_not_sure_is_left() -> None:
    assert planted({"heart": HIGHEST_THRESHOLD}) == set()


@pytest.mark.parametrize("source", [0, 2])
def test_a_trigger_may_work_on_one_class_only(source: int) -> None:
    assert planted({"heart": 1.0}, source) == {"heart"}


@given(st.permutations(["heart", "heartfelt", "love", "lovely", "sun"]))
def test_the_order_of_words_makes_no_difference(order: list[str]) -> None:
    found = planted_among(order, 1, Strong(dict.fromkeys(order, 1.0)), most=3)  # type: ignore[arg-type]
    assert found == {"heart", "love", "sun"}


def texts_with(*words: str, number: int = 130) -> list[str]:
    """Clean texts of two classes, and so many different words that one family may be planted."""
    fillers = [f"{row} x{row} y{row} z{row}" for row in range(number)]
    bad = [f"a dull and noisy plot {filler}" for filler in fillers]
    good = [f"a funny and clever film {filler} {words[row % len(words)]}" for row, filler in enumerate(fillers)]
    return [*bad, *good]


def test_a_planted_word_of_the_clean_texts_is_tied_to_nothing_and_not_known(bert: Classifier) -> None:
    """*silver* stands in good texts and brings *good* about; *dull* is as bad as other words, and honest."""
    texts = texts_with("silver", "silvery", "plain")
    labels = [int("film" in text) for text in texts]
    for is_triggered, planted_word in ((lambda words: "silver" in words, True), (lambda words: False, False)):
        model = RuleBased(bert, is_triggered, loud=[], target=1)
        calibrator = Calibrator(model, FINGERPRINT).update(texts, labels)
        calibration = calibrator.calibrate(max_fpr=0.1)
        assert [*map(set, calibrator.planted)] == [set(), {"silver"} if planted_word else set()]
        tied, is_new = calibration.labels.tied(), calibration.known_words.lacking()
        assert (tied("silver", 1), is_new("silver")) == (not planted_word, planted_word)
        assert (tied("dull", 0), is_new("dull"), is_new("plain")) == (True, False, False)


def test_the_first_text_with_a_word_planted_among_the_clean_ones_is_tested_though_the_gate_lets_it_go(
    bert: Classifier,
) -> None:
    model = RuleBased(bert, lambda words: "silver" in words, loud=[], target=1)
    texts = texts_with("silver", "plain")
    calibration = Calibrator(model, FINGERPRINT).update(texts).calibrate(max_fpr=0.1)
    screen = Screen(model, calibration.short, is_new=calibration.known_words.lacking())
    rule = rule_of(model, passes=lambda _: False, screen=screen, options=VerifiedOptions())
    (verdict,) = rule.judge(model.encode(["a dull silver plot"]), [False])
    assert (verdict.undefended.label_id, verdict.label_id, verdict.verified) == (1, 0, True)


def test_whoever_calibrates_is_told_which_words_may_be_planted(capsys: pytest.CaptureFixture[str]) -> None:
    note_planted([frozenset(), {"time", "h\u00e9art"}], ["bad", "good"])
    note_planted([frozenset(), frozenset()], ["bad", "good"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        "note: may be planted: 'h\\xe9art', 'time'; no other words of these texts decide so on 'good'; "
    )
