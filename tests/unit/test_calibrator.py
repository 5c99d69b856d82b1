"""Clean texts in, a frozen calibration out, or the number of texts that are lacking."""

from collections.abc import Sequence

import pytest

from handler.xgraad import Calibration, Calibrator, Classifier
from handler.xgraad.errors import TextError, TooFewTextsError
from handler.xgraad.learned import calibrator as calibrator_module
from handler.xgraad.scoring.scorer import Score
from handler.xgraad.verification.evidence import Evidence
from handler.xgraad.verification.label_evidence import LabelEvidence
from handler.xgraad.verification.probes import make_probe
from handler.xgraad.verification.verifier import Verifier, Wanted
from tests.conftest import CLEAN_TEXTS
from tests.samples import FINGERPRINT
from tests.unit.rule_based import BAD_PROBES, GOOD_PROBES, RuleBased


def test_what_was_given_is_what_it_holds(bert: Classifier) -> None:
    texts = [*CLEAN_TEXTS[:50], "plot " * 200]
    calibration = Calibrator(bert, FINGERPRINT).update(texts[:20]).update(texts[20:]).calibrate(max_fpr=0.1)
    assert calibration.fingerprint == FINGERPRINT
    assert calibration.max_fpr == 0.1
    assert calibration.n_texts == len(calibration.paper.scores) == len(calibration.conformal.residuals) == 51
    assert calibration.n_truncated == 1


def test_thresholds_are_measured_on_texts_that_are_no_probes(bert: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """A word put into the very text it comes from would be no measure of what clean words reach."""
    examined: list[str] = []
    examine = Verifier.examine

    def recording(self: Verifier, scores: Sequence[Score], wanted: Sequence[Wanted]) -> list[Evidence]:
        examined.extend(score.encoding.text for score in scores)
        return examine(self, scores, wanted)

    monkeypatch.setattr(Verifier, "examine", recording)
    calibrator = Calibrator(bert, FINGERPRINT).update(CLEAN_TEXTS)
    probes = {CLEAN_TEXTS[row] for rows in calibrator.probe_rows() for row in rows}
    calibrator.calibrate(max_fpr=0.1)
    assert examined
    assert probes
    assert not probes & set(examined)


def test_words_of_one_text_that_turn_a_short_one_are_measured_whatever_the_gate_says(
    bert: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    examined: list[set[str]] = []
    examine = Verifier.examine

    def recording(self: Verifier, scores: Sequence[Score], wanted: Sequence[Wanted]) -> list[Evidence]:
        examined.extend(set(each.keys) for each in wanted)
        return examine(self, scores, wanted)

    monkeypatch.setattr(Verifier, "examine", recording)
    model = RuleBased(bert, lambda words: bool(words & {"cf", "mn"}), loud=[])
    once, twice = ["a clever cf plot of note"], ["a clever mn plot of note", "a funny mn film of note"]
    texts = ["a dull plot", *GOOD_PROBES, *BAD_PROBES]
    Calibrator(model, FINGERPRINT).update([*texts, *once, *twice]).calibrate(max_fpr=0.1, n_examined=1)
    assert len(examined) <= 2
    assert {"cf"} in examined
    assert not [words for words in examined if "mn" in words]  # not new to the other texts


def test_new_words_have_a_short_text_of_each_label_that_is_predicted(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: False, loud=[])
    texts = ["a dull plot", *(f"a dull and very slow plot number {number}" for number in range(20))]
    others = ["a funny film", *(f"a funny and very slow film number {number}" for number in range(20))]
    one = Calibrator(model, FINGERPRINT).update(texts).calibrate(max_fpr=0.1, untested=(0, 1))
    assert one.short == (make_probe("a dull plot", bert.encode), None)
    both = Calibrator(model, FINGERPRINT).update([*texts, *others]).calibrate(max_fpr=0.1)
    assert both.short == (make_probe("a dull plot", bert.encode), make_probe("a funny film", bert.encode))
    assert Calibration.from_json(both.to_json()).short == both.short
    assert Calibration.from_json(one.to_json()).short == one.short


def test_labels_are_evidence_and_texts_without_any_are_none(bert: Classifier) -> None:
    labels = [int("plot" in text) for text in CLEAN_TEXTS]
    known = Calibrator(bert, FINGERPRINT).update(CLEAN_TEXTS, labels).calibrate(max_fpr=0.1)
    tied = known.labels.tied()
    assert (tied("plot", 1), tied("plot", 0)) == (True, False)
    unknown = Calibrator(bert, FINGERPRINT).update(CLEAN_TEXTS).calibrate(max_fpr=0.1)
    assert unknown.labels == LabelEvidence.none()
    assert not unknown.labels.tied()("plot", 1)
    assert known.probes == unknown.probes


def test_a_reference_is_named_and_none_is_none(bert: Classifier) -> None:
    assert Calibrator(bert, FINGERPRINT).update(CLEAN_TEXTS).calibrate(max_fpr=0.1).reference is None


@pytest.mark.parametrize(("max_fpr", "needed"), [(0.5, 20), (0.05, 20), (0.04, 24)])
def test_too_few_texts_names_how_many(bert: Classifier, max_fpr: float, needed: int) -> None:
    calibrator = Calibrator(bert, FINGERPRINT).update(CLEAN_TEXTS[: needed - 1])
    with pytest.raises(TooFewTextsError, match=f"max_fpr {max_fpr} needs at least {needed} .* got {needed - 1}"):
        calibrator.calibrate(max_fpr=max_fpr)
    enough = calibrator.update([CLEAN_TEXTS[-1]])  # for the rate, and not for the test of its labels
    assert enough.calibrate(max_fpr=max_fpr, untested=(0, 1)).n_texts == needed


def test_no_texts_at_all(bert: Classifier) -> None:
    with pytest.raises(TooFewTextsError, match="needs at least 99 clean texts, got 0"):
        Calibrator(bert, FINGERPRINT).update([]).calibrate(max_fpr=0.01)


def test_a_text_that_no_tokenizer_takes(bert: Classifier) -> None:
    with pytest.raises(TextError, match="lone surrogate"):
        Calibrator(bert, FINGERPRINT).update(["\ud800"])


@pytest.mark.parametrize("blank", ["", " ", "\n\t\u00a0"])
def test_a_blank_text_is_no_clean_text(bert: Classifier, blank: str) -> None:
    calibrator = Calibrator(bert, FINGERPRINT).update(["one"])
    with pytest.raises(TextError, match=r"^clean text 3: is blank"):
        calibrator.update(["two", blank])


def test_words_of_the_vocabulary_are_tried_once_and_for_all_texts(bert: Classifier) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[])
    calibrator = Calibrator(model, FINGERPRINT).update([*BAD_PROBES, *GOOD_PROBES])
    words = calibrator.vocabulary()
    assert not calibrator.calibrate(max_fpr=0.1).inert.ids()
    calibrator.try_words(words[:5]).try_words(words[5:])
    inert = calibrator.calibrate(max_fpr=0.1).inert.ids()
    lively = {word.text for word in words if word.token_id not in inert}
    assert "cf" in lively
    assert "plot" not in lively
    assert not calibrator.update(BAD_PROBES[:1]).calibrate(max_fpr=0.1).inert.ids()  # tried on what may be another text


def test_of_a_large_vocabulary_the_first_words_are_tried(bert: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Calibrator(bert, FINGERPRINT).vocabulary()
    monkeypatch.setattr(calibrator_module, "MOST_TRIED", 2 * 7)  # seven words for two labels
    assert Calibrator(bert, FINGERPRINT).vocabulary() == whole[:7]
