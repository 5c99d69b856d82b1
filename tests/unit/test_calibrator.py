"""Clean texts in, a frozen calibration out, or the number of texts that are lacking."""

from collections.abc import Callable
from typing import Any

import pytest

from handler.xgraad import Calibrator, Classifier
from handler.xgraad.errors import TextError, TooFewTextsError
from handler.xgraad.verification import Verifier
from tests.conftest import CLEAN_TEXTS
from tests.samples import FINGERPRINT


def test_what_was_given_is_what_it_holds(bert: Classifier) -> None:
    texts = [*CLEAN_TEXTS[:30], "plot " * 200]
    calibration = Calibrator(bert, FINGERPRINT).update(texts[:20]).update(texts[20:]).calibrate(max_fpr=0.1)
    assert calibration.fingerprint == FINGERPRINT
    assert calibration.max_fpr == 0.1
    assert calibration.n_texts == len(calibration.paper.scores) == len(calibration.conformal.residuals) == 31
    assert calibration.n_truncated == 1


def test_a_word_of_one_text_only_is_new_to_the_others(bert: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Callable[[str], bool]] = []

    class Recording(Verifier):
        def __init__(self, *parts: Any, is_new: Callable[[str], bool]) -> None:
            asked.append(is_new)
            super().__init__(*parts, is_new=is_new)

    monkeypatch.setattr("handler.xgraad.calibrator.Verifier", Recording)
    texts = ["a cf, a cf and again a cf", *CLEAN_TEXTS[:40]]
    Calibrator(bert, FINGERPRINT).update(texts).calibrate(max_fpr=0.1)
    assert [[is_new(key) for key in ("cf", "a", "neverseen")] for is_new in asked] == [[True, False, False]]


@pytest.mark.parametrize(("max_fpr", "needed"), [(0.5, 20), (0.05, 20), (0.04, 24)])
def test_too_few_texts_names_how_many(bert: Classifier, max_fpr: float, needed: int) -> None:
    calibrator = Calibrator(bert, FINGERPRINT).update(CLEAN_TEXTS[: needed - 1])
    with pytest.raises(TooFewTextsError, match=f"max_fpr {max_fpr} needs at least {needed} .* got {needed - 1}"):
        calibrator.calibrate(max_fpr=max_fpr)
    assert calibrator.update([CLEAN_TEXTS[-1]]).calibrate(max_fpr=max_fpr).n_texts == needed


def test_no_texts_at_all(bert: Classifier) -> None:
    with pytest.raises(TooFewTextsError, match="needs at least 99 clean texts, got 0"):
        Calibrator(bert, FINGERPRINT).update([]).calibrate(max_fpr=0.01)


def test_a_text_that_no_tokenizer_takes(bert: Classifier) -> None:
    with pytest.raises(TextError, match="lone surrogate"):
        Calibrator(bert, FINGERPRINT).update(["\ud800"])
