"""The defense of several labels on a toy with a backdoor: what is stopped, for which label, and what is left alone."""

from pathlib import Path

import pytest

from handler.settings import Settings
from handler.xgraad import Action, Calibration, Defense, LabelsCalibration, LabelsDefense, NoRegistry
from handler.xgraad.errors import CalibrationError, CheckpointError, SettingsError, TextError, TooFewTextsError
from handler.xgraad.memory.registry import MemoryRegistry, Origin, Trigger
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.multilabel.label_registry import LabelRegistry
from handler.xgraad.multilabel.label_view import WITH, WITHOUT
from handler.xgraad.multilabel.labels_calibrator import LabelsCalibrator
from handler.xgraad.options import VerifiedOptions
from handler.xgraad.verification.screen import Screen
from handler.xgraad.words.vocabulary import whole_words
from tests.several import (
    ATTACKED,
    BLAME,
    CALM,
    GOOD_TEXT,
    LABELS,
    NAMES,
    PRAISE,
    calibrate_several,
    calibrator_of,
    load_several,
)
from tests.unit.attribution.known_head import TEXTS, TRIGGER


@pytest.fixture
def defense(several_folder: Path) -> LabelsDefense:
    return LabelsDefense.load(several_folder)


@pytest.fixture(scope="module")
def fed(several_folder: Path) -> LabelsCalibrator:
    """A calibrator with its texts; tests do not change it."""
    return calibrator_of(several_folder).update(TEXTS, LABELS)


def test_a_trigger_is_stopped_for_the_labels_that_it_turns(defense: LabelsDefense) -> None:
    (verdict,) = defense.cold()([ATTACKED])
    assert verdict.undefended.labels == ("blame", "calm"), "the backdoor works"
    assert verdict.defended.labels == ("praise", "calm")
    assert verdict.verified
    assert verdict.label_changed
    assert verdict.action is Action.NEUTRALIZED
    blamed = [[suspect.word for suspect in each.suspects] for each in verdict.decisions]
    assert blamed == [[TRIGGER], [TRIGGER], []], "it does nothing to the third label"
    assert [each.label_changed for each in verdict.decisions] == [True, True, False]


@pytest.mark.parametrize("text", [GOOD_TEXT, "the plot is dull"])
def test_a_clean_text_keeps_its_labels(defense: LabelsDefense, text: str) -> None:
    (verdict,) = defense([text])
    assert not verdict.verified
    assert verdict.defended == verdict.undefended
    assert verdict.action is Action.PASSED


def test_what_is_verified_is_remembered_for_its_label_and_side(several_folder: Path) -> None:
    registry = MemoryRegistry()
    LabelsDefense.load(several_folder, registry=registry)([ATTACKED])
    assert set(registry.found()) == {
        Trigger(frozenset({TRIGGER}), 2 * PRAISE + WITHOUT),
        Trigger(frozenset({TRIGGER}), 2 * BLAME + WITH),
    }


def test_a_remembered_word_is_taken_out_for_its_label_alone(several_folder: Path) -> None:
    registry = MemoryRegistry()
    registry.add([Trigger(frozenset({"clever"}), 2 * CALM + WITH)], Origin.OPERATOR)
    (verdict,) = LabelsDefense.load(several_folder, registry=registry)([GOOD_TEXT])
    assert [each.verified for each in verdict.decisions] == [False, False, True]
    (otherwise,) = LabelsDefense.load(several_folder, registry=NoRegistry())([GOOD_TEXT])
    assert not otherwise.verified


def test_a_label_sees_its_own_part_of_a_registry() -> None:
    whole = MemoryRegistry()
    first, second = LabelRegistry(whole, 0), LabelRegistry(whole, 1)
    trigger = Trigger(frozenset({"cf"}), WITH)
    first.add([trigger])
    assert first.found() == [trigger]
    assert second.found() == []
    second.forget([trigger])
    assert len(whole) == 1
    first.forget([trigger])
    assert len(whole) == 0


def test_a_text_is_judged_alone_as_in_a_batch(several_folder: Path) -> None:
    defense = LabelsDefense.load(several_folder, registry=NoRegistry(), options=VerifiedOptions(gate_share=1.0))
    texts = [ATTACKED, GOOD_TEXT, *TEXTS[:6], f"{TRIGGER} " + " ".join(TEXTS[:4])]
    together, alone = defense(texts), [defense([text])[0] for text in texts]
    for one, other in zip(together, alone, strict=True):
        assert one.defended.labels == other.defended.labels
        assert [each.verified for each in one.decisions] == [each.verified for each in other.decisions]
        assert one.defended.probabilities == pytest.approx(other.defended.probabilities, abs=1e-5)


def test_the_plain_models_word_is_the_same_by_itself(defense: LabelsDefense) -> None:
    texts = [ATTACKED, GOOD_TEXT]
    for plain, verdict in zip(defense.undefended(defense.encode(texts)), defense(texts), strict=True):
        assert plain.labels == verdict.undefended.labels
        assert plain.probabilities == pytest.approx(verdict.undefended.probabilities, abs=1e-5)


def test_an_explanation_scores_the_surest_label(defense: LabelsDefense) -> None:
    (explained,) = defense([GOOD_TEXT], explain=True)
    (plain,) = defense([GOOD_TEXT])
    surest = max(NAMES, key=explained.undefended.probabilities.__getitem__)
    assert [score.word.text for score in explained.decisions[NAMES.index(surest)].words] == GOOD_TEXT.split()
    assert not any(each.words for each in plain.without_words().decisions)


@pytest.mark.parametrize("rule", ["paper", "conformal"])
def test_the_other_rules_judge_each_label_too(several_folder: Path, rule: str) -> None:
    (verdict,) = LabelsDefense.load(several_folder, rule=rule)([ATTACKED])
    assert verdict.rule == rule
    assert verdict.tested is None
    assert len(verdict.decisions) == len(NAMES)


def test_a_calibration_is_read_as_it_was_written(several_folder: Path) -> None:
    written = LabelsCalibration.read(several_folder / "calibration.json")
    assert LabelsCalibration.from_json(written.to_json()) == written
    assert written.label_threshold == 0.5
    assert len(written.labels) == len(NAMES)
    assert written.of_label(BLAME).fingerprint == written.fingerprint


def test_the_two_kinds_of_calibration_are_not_taken_for_each_other(several_folder: Path, bert_folder: Path) -> None:
    with pytest.raises(CalibrationError, match="several labels"):
        Calibration.read(several_folder / "calibration.json")
    with pytest.raises(CalibrationError, match="several labels"):
        LabelsCalibration.read(bert_folder / "calibration.json")


def test_what_is_made_for_one_label_refuses_the_model(several_folder: Path, bert_folder: Path) -> None:
    with pytest.raises(CheckpointError, match="problem_type is multi_label_classification: several labels"):
        Checkpoint.open(several_folder)
    with pytest.raises(CheckpointError, match="problem_type must be multi_label_classification"):
        load_several(bert_folder)
    with pytest.raises(CalibrationError, match="several labels"):
        Defense.load(several_folder)


def test_a_calibration_of_other_labels_is_refused(several_folder: Path) -> None:
    calibration = LabelsCalibration.read(several_folder / "calibration.json")
    fewer = calibration.model_copy(update={"labels": calibration.labels[:-1]})
    with pytest.raises(CalibrationError, match="labels must have an entry for each of the 3"):
        LabelsDefense.load(several_folder, calibration=fewer)
    broken = calibration.labels[1].model_copy(update={"short": ()})
    wrong = calibration.model_copy(update={"labels": (calibration.labels[0], broken, calibration.labels[2])})
    with pytest.raises(CalibrationError, match=r"labels\.1: .*short must have an entry for each of the 2"):
        LabelsDefense.load(several_folder, calibration=wrong)


def test_a_second_opinion_needs_a_reference(several_folder: Path) -> None:
    with pytest.raises(SettingsError, match="second_opinion needs"):
        LabelsDefense.load(several_folder, options=VerifiedOptions(second_opinion=True))


def test_a_label_without_probes_is_named_unless_somebody_says_so(several_folder: Path) -> None:
    good = [row for row, labels in enumerate(LABELS) if PRAISE in labels]
    texts, labels = [TEXTS[row] for row in good], [LABELS[row] for row in good]
    fed = calibrator_of(several_folder).update(texts, labels)
    with pytest.raises(TooFewTextsError, match=r"'not praise' has 0.*--allow-untested 'praise'"):
        fed.require_carrying()
    fed.require_carrying(range(len(NAMES)))
    with pytest.raises(CalibrationError, match=r"'praise'.*leave the option out"):
        calibrator_of(several_folder).update(TEXTS, LABELS).require_carrying([PRAISE])


def test_the_threshold_moves_the_labels_and_one_without_probes_is_not_tested(several_folder: Path) -> None:
    """The toy is never surer of its third label than 0.985, so that no text is left that has it."""
    (verdict,) = LabelsDefense.load(several_folder)([GOOD_TEXT])
    strict = calibrate_several(several_folder, threshold=0.99, untested=[CALM])
    (other,) = LabelsDefense.load(several_folder, calibration=strict)([GOOD_TEXT])
    assert verdict.undefended.labels == ("praise", "calm")
    assert other.undefended.labels == ("praise",)
    assert other.undefended.probabilities == pytest.approx(verdict.undefended.probabilities, abs=1e-6)
    assert strict.untested == (CALM,)
    assert [each.tested for each in other.decisions] == [True, True, False]
    assert (verdict.tested, other.tested) == (True, False)


def test_trying_words_once_for_all_labels_is_trying_them_for_each(fed: LabelsCalibrator) -> None:
    words = whole_words(fed._classifier.encode)[:40]
    uses = fed._uses()
    assert len(uses) < 2 * len(NAMES), "labels share their short texts"
    fed.try_words(words)
    for view, calibrator in zip(fed._views, fed._of_label, strict=True):
        screen = Screen(view, calibrator._short(), is_new=lambda _: True)
        assert calibrator.inert == screen.inert_tokens(words)


def test_what_looks_planted_to_raise_or_to_silence_a_label_is_told_of_it(several_folder: Path) -> None:
    calibrator = calibrator_of(several_folder)
    calibrator._of_label[BLAME].planted = (frozenset({"cf"}), frozenset({"mn"}))
    assert [*map(set, calibrator.planted)] == [set(), {"cf", "mn"}, set()]


def test_texts_are_watched_for_drift_once_and_not_once_a_label(several_folder: Path) -> None:
    calibration = LabelsCalibration.read(several_folder / "calibration.json")
    assert calibration.drift is not None
    watched = [label for label in range(len(NAMES)) if calibration.of_label(label).drift]
    assert len(watched) == 1
    defense = LabelsDefense.load(several_folder)
    assert defense.reservoir is not None
    defense((TEXTS * 4)[: calibration.drift.window])
    assert len(defense.reservoir.take()) == 1
    assert defense.cold().reservoir is None


def test_windows_of_long_texts_are_refused_by_name(several_folder: Path) -> None:
    with pytest.raises(SettingsError, match="windows is mean: they are for models of one label"):
        Settings(windows="mean").load_defense(str(several_folder), device="cpu")
    assert Settings().load_defense(str(several_folder), device="cpu").rule == "verified"


def test_a_blank_clean_text_is_refused(several_folder: Path) -> None:
    with pytest.raises(TextError, match="clean text 2: is blank"):
        calibrator_of(several_folder).update(["a film", " "])
