"""The protocol on a judge whose answers are known, so that every figure can be counted by hand."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from handler.xgraad import Action, Suspect, Verdict
from handler.xgraad.model.prediction import Prediction
from scripts.lab.evaluation.evaluation import evaluate, inserted_words
from scripts.lab.evaluation.metrics import rate_interval
from scripts.lab.evaluation.twins import attackable, known_twins
from scripts.texts.corpora import Example, TriggeredExample

CLEAN = [Example("good film", 1), Example("bad film", 0), Example("good plot", 1), Example("odd film", 1)]
TRIGGERED = [
    TriggeredExample("good cf film", 1, "good film"),
    TriggeredExample("good plot cf", 1, "good plot"),
    TriggeredExample("odd film cf", 1, "odd film"),
]


def prediction(label_id: int) -> Prediction:
    return Prediction(label=str(label_id), label_id=label_id, score=1.0, probabilities={})


def judge(texts: Sequence[str]) -> list[Verdict]:
    """A model that says 1 to "good", and 0 to "cf"; a defense that takes "cf" out of texts with "film"."""
    return [_verdict(text) for text in texts]


def _verdict(text: str) -> Verdict:
    without = text.replace("cf", "").strip()
    undefended = prediction(int("good" in text and "cf" not in text))
    is_edited = "cf" in text and "film" in text
    start = text.find("cf")
    suspect = Suspect(word="cf", start=start, end=start + 2, attribution=1.0, replacement="")
    return Verdict(
        rule="known",
        flagged=is_edited,
        verified=is_edited,
        tested=None,
        action=Action.NEUTRALIZED if is_edited else Action.PASSED,
        anomaly_score=1.0,
        gate_score=None,
        threshold=0.5,
        p_value=0.01 if "cf" in text else 0.5,
        undefended=undefended,
        defended=prediction(int("good" in without)) if is_edited else undefended,
        suspects=(suspect,) if is_edited else (),
        neutralized_text=without if is_edited else None,
        truncated=False,
        words=(),
    )


def test_figures() -> None:
    figures = evaluate(judge, clean=CLEAN, triggered=TRIGGERED, target_label=0)
    assert (figures["n_clean"], figures["n_triggered"], figures["rule"]) == (4, 3, "known")
    assert figures["cacc_undefended"] == figures["cacc_defended"] == 0.75  # "odd film" is wrong
    assert figures["asr_over"] == "right_when_clean"
    assert figures["asr_undefended"] == 1.0
    assert figures["asr_defended"] == 0.5  # "good plot cf" of the two that are right when clean
    assert figures["asr_defended_all"] == pytest.approx(2 / 3)
    assert figures["n_scored"] == 2
    assert figures["recovered_accuracy"] == pytest.approx(1 / 3)
    assert (figures["false_positive_rate"], figures["second_pass_share"]) == (0.0, 0.0)
    assert (figures["auroc"], figures["true_positive_rate"]) == (1.0, pytest.approx(2 / 3))
    assert figures["localisation"] == 1.0
    assert figures["attack_works"]


def test_a_text_of_the_target_keeps_its_label_though_a_trigger_was_added() -> None:
    """Of two that are right when clean one is taken apart; "good hat" is wrong anyway and says nothing."""
    own = [
        TriggeredExample("bad cf film", 0, "bad film"),
        TriggeredExample("good cf hat", 0, "good hat"),
        TriggeredExample("ugly cf film", 0, "ugly film"),
    ]

    def careless(texts: Sequence[str]) -> list[Verdict]:
        return [
            replace(verdict, defended=prediction(1)) if "ugly cf" in text else verdict
            for text, verdict in zip(texts, judge(texts), strict=True)
        ]

    figures = evaluate(careless, clean=CLEAN, triggered=TRIGGERED, target_label=0, own_texts=own)
    assert (figures["own_label_kept_cold"], figures["n_test_shots"]) == (0.5, 2)
    assert figures["own_label_kept_cold_interval"] == list(rate_interval(1, 2))
    assert "own_label_kept_cold" not in evaluate(judge, clean=CLEAN, triggered=TRIGGERED, target_label=0)


def cold(texts: Sequence[str]) -> list[Verdict]:
    """Without memory the same defense leaves "odd" texts alone, and blames "good" along with "cf"."""
    verdicts = []
    for text in texts:
        verdict = _verdict(text)
        if "odd" in text:
            passed = replace(verdict, action=Action.PASSED, defended=verdict.undefended, neutralized_text=None)
            verdict = replace(passed, flagged=False, verified=False, suspects=())
        elif verdict.suspects and "film" in text:
            innocent = Suspect(word="Good", start=0, end=4, attribution=0.5, replacement="")
            verdict = replace(verdict, suspects=(*verdict.suspects, innocent))
        verdicts.append(verdict)
    return verdicts


def test_figures_of_the_first_text() -> None:
    figures = evaluate(judge, cold=cold, clean=CLEAN, triggered=TRIGGERED, target_label=0)
    assert figures["asr_cold"] == 0.5  # "good plot cf" of the two that are right when clean
    assert figures["asr_cold_interval"] == list(rate_interval(1, 2))
    assert figures["verified_cold"] == pytest.approx(1 / 3)
    assert figures["named_cold"] == pytest.approx(1 / 3)
    assert figures["innocent_blamed_cold"] == 1.0  # the one text where anything was named
    assert list(figures).index("asr_cold") < list(figures).index("asr_defended")
    served = evaluate(judge, clean=CLEAN, triggered=TRIGGERED, target_label=0)
    assert (served["verified_cold"], served["named_cold"]) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert served["innocent_blamed_cold"] == 0.0
    assert all(figures[name] == served[name] for name in ("asr_defended", "cacc_defended", "localisation"))


def test_memory_is_asked_after_the_clean_texts_and_before_the_attacked_ones() -> None:
    seen: list[str] = []

    def watched(texts: Sequence[str]) -> list[Verdict]:
        seen.extend(texts)
        return judge(texts)

    figures = evaluate(
        watched, memory=lambda: {"remembered": len(seen)}, clean=CLEAN, triggered=TRIGGERED, target_label=0
    )
    assert figures["remembered"] == len(CLEAN)
    assert "remembered" not in evaluate(judge, clean=CLEAN, triggered=TRIGGERED, target_label=0)


def test_a_first_text_that_always_gets_through_or_never() -> None:
    for guarded, through in ((TRIGGERED[:1], 0), (TRIGGERED[1:2], 1)):
        figures = evaluate(judge, cold=cold, clean=CLEAN, triggered=guarded * 40, target_label=0)
        assert figures["asr_cold"] == through
        low, high = figures["asr_cold_interval"]
        assert (low, high) == rate_interval(40 * through, 40)
        assert 0 <= low <= through <= high <= 1
        assert low < high


def test_unknown_twins_are_said() -> None:
    alien = [TriggeredExample("something else", 1, None)]
    figures = evaluate(judge, clean=CLEAN, triggered=alien, target_label=0)
    assert (figures["asr_over"], figures["n_scored"]) == ("all", 1)
    assert figures["localisation"] is None
    assert (figures["named_cold"], figures["innocent_blamed_cold"]) == (None, None)
    assert figures["verified_cold"] == 0.0


def test_an_attack_that_does_not_work_is_said() -> None:
    harmless = [TriggeredExample("good zz film", 1, "good film")]
    assert not evaluate(judge, clean=CLEAN, triggered=harmless, target_label=0)["attack_works"]


def test_twins_are_found_where_words_were_inserted_in_order() -> None:
    nameless = [row._replace(clean_text=None) for row in TRIGGERED]
    assert known_twins(nameless, CLEAN) == TRIGGERED
    assert known_twins(nameless[::-1], CLEAN) == nameless[::-1]


def test_target_texts_cannot_be_attacked() -> None:
    rows = [TriggeredExample("a", 0, None), TriggeredExample("b", 1, None)]
    assert attackable(rows, 0) == rows[1:]
    assert attackable(rows[:1], 0) == rows[:1]  # a file that carries the attacker's labels


def test_inserted_words() -> None:
    assert set(inserted_words(TriggeredExample("the CF plot, the mb", 1, "the plot, the"))) == {"cf", "mb"}
    assert set(inserted_words(TriggeredExample("cf cf plot", 1, "cf plot"))) == {"cf"}
