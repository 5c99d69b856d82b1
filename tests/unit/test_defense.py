"""Algorithm 1 with thresholds made by hand: what is flagged, what is edited, what is answered."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from handler.xgraad import DEFAULT_RULE, NEUTRALIZERS, RULES, Action, Classifier, Defense, score_encodings
from handler.xgraad.editing.verdict import Verdict
from handler.xgraad.errors import CalibrationError, FingerprintError, SettingsError, TextError
from handler.xgraad.model.prediction import predict
from handler.xgraad.options import DEFAULT_NEUTRALIZER
from handler.xgraad.words.encoding import Encoder
from handler.xgraad.words.text import Replacement, replace_spans, split_words
from tests.conftest import CLEAN_TEXTS, calibrated
from tests.samples import PREDICTION, edit_weights
from tests.toys import SENTENCES
from tests.unit.conftest import DefenseMaker, with_offset


def edited(text: str, verdict: Verdict) -> str:
    return replace_spans(text, [Replacement(s.start, s.end, s.replacement) for s in verdict.suspects])


@pytest.mark.parametrize("neutralizer", NEUTRALIZERS)
def test_a_flagged_text_is_edited_and_asked_again(flag_all: DefenseMaker, neutralizer: str) -> None:
    defense = flag_all(neutralizer)
    for text, verdict in zip(SENTENCES, defense(SENTENCES), strict=True):
        assert verdict.flagged
        assert verdict.action is Action.NEUTRALIZED
        assert verdict.anomaly_score is not None
        assert verdict.anomaly_score > verdict.threshold
        assert verdict.suspects
        assert verdict.neutralized_text == edited(text, verdict) != text
        for suspect in verdict.suspects:
            assert text[suspect.start : suspect.end] == suspect.word
            assert suspect.word != suspect.replacement


def test_the_answer_is_the_defended_one(flag_all: DefenseMaker) -> None:
    defense = flag_all("delete")
    classifier, changes = defense.classifier, []
    for text, verdict in zip(SENTENCES, defense(SENTENCES), strict=True):
        assert verdict.neutralized_text is not None
        logits = classifier.logits(classifier.encode([text, verdict.neutralized_text]))
        plain, again = predict(logits, classifier.labels)
        assert verdict.undefended.probabilities == pytest.approx(plain.probabilities, abs=1e-5)
        assert verdict.probabilities == pytest.approx(again.probabilities, abs=1e-5)
        assert (verdict.label, verdict.label_id) == (again.label, again.label_id)
        assert verdict.score == verdict.defended.score
        changes.append(abs(plain.score - again.score))
    # Sanity arm: asking again makes a difference.
    assert max(changes) > 1e-4


def test_a_passed_text_is_answered_by_the_plain_model(flag_nothing: Defense) -> None:
    for verdict in flag_nothing(SENTENCES):
        assert not verdict.flagged
        assert verdict.action is Action.PASSED
        assert verdict.suspects == ()
        assert verdict.neutralized_text is None
        assert verdict.defended == verdict.undefended
        assert not verdict.label_changed


def test_the_suspect_is_the_word_with_the_largest_attribution(flag_all: DefenseMaker) -> None:
    for verdict in flag_all()(SENTENCES):
        top = max(verdict.words, key=lambda word: word.attribution)
        assert top.attribution == pytest.approx(verdict.anomaly_score)
        found = {(suspect.word, suspect.start, suspect.end): suspect.attribution for suspect in verdict.suspects}
        assert found[top.word] == top.attribution


def top_key(defense: Defense, text: str) -> str:
    (score,) = score_encodings(defense.classifier, defense.encode([text]))
    assert score.top_word is not None
    return score.top_word.word.key


@pytest.mark.parametrize("neutralizer", NEUTRALIZERS)
def test_every_occurrence_is_edited(flag_all: DefenseMaker, neutralizer: str) -> None:
    defense = flag_all(neutralizer)
    text = "tq, TQ (Tq) t\u200bq plot tq"
    (verdict,) = defense([text])
    expected = [word for word in split_words(text) if word.key == top_key(defense, text)]
    assert [(suspect.word, suspect.start, suspect.end) for suspect in verdict.suspects] == expected
    left = [word.key for word in split_words(verdict.neutralized_text or "")]
    assert top_key(defense, text) not in left


def test_repeats_are_all_edited(flag_all: DefenseMaker) -> None:
    """Sanity arm of the test above: here the repeated word is certain to be on top."""
    text = "mb " * 9
    (verdict,) = flag_all("delete")([text])
    assert len(verdict.suspects) == 9
    assert verdict.neutralized_text == " " * 9


def test_repeats_past_the_window_are_edited_too(flag_all: DefenseMaker) -> None:
    """Deleting the first ones would move them into it."""
    (verdict,) = flag_all("delete")(["mb " * 200])
    assert verdict.truncated
    assert (verdict.neutralized_text or "mb").strip() == ""


def test_repeats_past_the_window_cost_no_tokenizer_calls(
    flag_all: DefenseMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client's long text must not keep the worker busy for minutes."""
    defense = flag_all("noise")
    calls: list[str] = []
    ask = Encoder.token_ids_of

    def counted(self: Encoder, word: str) -> tuple[int, ...]:
        calls.append(word)
        return ask(self, word)

    monkeypatch.setattr(Encoder, "token_ids_of", counted)
    counts = []
    for n_words in (200, 800):
        calls.clear()
        (verdict,) = defense(["a " * n_words])
        assert verdict.flagged
        counts.append(len(calls))
    assert 0 < counts[1] <= counts[0] + 64


def test_a_text_without_words_is_never_flagged(flag_all: DefenseMaker) -> None:
    for verdict in flag_all()(["", "... !!", " \n", "$"]):
        assert not verdict.flagged
        assert verdict.words == ()
        assert verdict.anomaly_score == 0
        assert 0 < verdict.p_value <= 1


def test_a_text_can_be_deleted_whole(flag_all: DefenseMaker) -> None:
    (verdict,) = flag_all("delete")(["tq"])
    assert verdict.neutralized_text == ""
    assert verdict.defended != verdict.undefended


def test_one_verdict_per_text_in_order(load_bert: Callable[..., Defense]) -> None:
    defense = load_bert(rule="conformal")
    texts = [*SENTENCES, "", "tq", *SENTENCES[:2]]
    verdicts = defense(texts)
    assert len(verdicts) == len(texts)
    for text, verdict in zip(texts, verdicts, strict=True):
        assert [word.word for word in verdict.words] == list(split_words(text))
        (alone,) = defense([text])
        assert verdict.anomaly_score == pytest.approx(alone.anomaly_score, abs=1e-5)


def test_no_texts_no_verdicts(load_bert: Callable[..., Defense]) -> None:
    for rule in RULES:
        assert load_bert(rule=rule)([]) == []


def test_truncation_is_reported(load_bert: Callable[..., Defense]) -> None:
    assert [verdict.truncated for verdict in load_bert(rule="conformal")(["plot", "plot " * 100])] == [False, True]


def test_flagged_if_and_only_if_the_score_exceeds_the_threshold(load_bert: Callable[..., Defense]) -> None:
    for rule in ("conformal", "paper"):
        defense = load_bert(rule=rule)
        verdicts = defense(CLEAN_TEXTS)
        assert {verdict.flagged for verdict in verdicts} == {True, False}
        for verdict in verdicts:
            assert verdict.rule == rule
            assert verdict.anomaly_score is not None
            assert verdict.flagged == (verdict.anomaly_score > verdict.threshold)
        assert sum(verdict.flagged for verdict in verdicts) <= 0.2 * len(verdicts)


def test_the_paper_rule_has_one_threshold_and_the_other_one_per_length(load_bert: Callable[..., Defense]) -> None:
    texts = ["plot", *SENTENCES]
    assert len({verdict.threshold for verdict in load_bert(rule="paper")(texts)}) == 1
    assert len({verdict.threshold for verdict in load_bert(rule="conformal")(texts)}) > 3
    assert load_bert().rule == DEFAULT_RULE


def test_the_paper_rule_has_the_papers_neutralizer(load_bert: Callable[..., Defense]) -> None:
    assert load_bert(rule="paper").neutralize.name == "noise"
    assert load_bert().neutralize.name == DEFAULT_NEUTRALIZER == "delete"
    assert load_bert(rule="paper", neutralizer="delete").neutralize.name == "delete"


def test_label_changed(damaged: Path, tmp_path: Path) -> None:
    """A model on the fence: its bias is set so that half of the texts fall on either side."""
    plain = Classifier.load(damaged, max_length=64)
    logits = plain.logits(plain.encode(SENTENCES))
    lean = (logits[:, 0] - logits[:, 1]).median()
    edit_weights(damaged, lambda tensors: tensors["classifier.bias"].add_(torch.tensor([0.0, float(lean)])))
    defense = with_offset(calibrated(damaged), -50, tmp_path / "flag_all.json", neutralizer="delete")
    verdicts = defense(CLEAN_TEXTS)
    changed = [verdict for verdict in verdicts if verdict.label_changed]
    assert 0 < len(changed) < len(verdicts)
    for verdict in changed:
        assert verdict.label == verdict.defended.label != verdict.undefended.label
    bad = replace(PREDICTION, label="bad", label_id=0)
    assert replace(verdicts[0], undefended=PREDICTION, defended=bad).label_changed
    assert not replace(verdicts[0], undefended=bad, defended=bad).label_changed


def test_a_text_that_no_tokenizer_takes_is_refused(load_bert: Callable[..., Defense]) -> None:
    with pytest.raises(TextError, match="lone surrogate"):
        load_bert()(["fine", "\ud800"])


def test_another_checkpoints_calibration_is_refused(checkpoints: dict[str, Path]) -> None:
    foreign = checkpoints["roberta"] / "calibration.json"
    with pytest.raises(FingerprintError, match=r"weights: calibrated .* Run scripts\.calibrate for this checkpoint"):
        Defense.load(checkpoints["bert"], calibration=foreign)


def test_changed_weights_are_refused(damaged: Path) -> None:
    Defense.load(damaged)
    edit_weights(damaged, lambda tensors: tensors["classifier.bias"].add_(1e-3))
    with pytest.raises(FingerprintError, match="made for something else: weights: calibrated"):
        Defense.load(damaged)


def test_a_missing_calibration_is_refused(damaged: Path) -> None:
    (damaged / "calibration.json").unlink()
    with pytest.raises(CalibrationError, match=r"calibration\.json: missing; make it with scripts\.calibrate"):
        Defense.load(damaged)


def test_a_file_instead_of_a_folder_is_refused(bert_folder: Path) -> None:
    with pytest.raises(CalibrationError, match=r"calibration\.json"):
        Defense.load(bert_folder / "config.json")


@pytest.mark.parametrize("rule", ["", "Paper", "percentile"])
def test_an_unknown_rule_is_refused_with_the_list(load_bert: Callable[..., Defense], rule: str) -> None:
    with pytest.raises(SettingsError, match=f"rule must be one of conformal, paper.*, got '{rule}'"):
        load_bert(rule=rule)


@pytest.mark.parametrize("neutralizer", ["", "Noise", "synonym"])
def test_an_unknown_neutralizer_is_refused_with_the_list(load_bert: Callable[..., Defense], neutralizer: str) -> None:
    with pytest.raises(SettingsError, match=f"neutralizer must be one of delete, mask, noise, got '{neutralizer}'"):
        load_bert(neutralizer=neutralizer)


def test_the_key_decides_the_noise(flag_all: DefenseMaker) -> None:
    def texts(key: bytes) -> list[str | None]:
        return [verdict.neutralized_text for verdict in flag_all("noise", key)(SENTENCES)]

    assert texts(b"one") == texts(b"one") != texts(b"two")
