"""What a reply says in words, for every verdict, policy and detail."""

import json
from dataclasses import replace
from typing import get_args

import pytest

from handler.answers.policy import Unjudged
from handler.answers.reply import refused
from handler.page.measure import Measure, percent
from handler.page.reading import Tone, reading_of
from handler.refusal import Refusal
from handler.settings import Detail
from handler.wire.request import Request, Shape
from handler.xgraad import Suspect
from tests.samples import PREDICTION, a_reply, a_verdict, replied

TEXT = "a cf film"


def test_a_verified_trigger_that_turned_the_label() -> None:
    reading = reading_of(a_reply(TEXT, a_verdict(acted=True)))
    assert (reading.tone, reading.headline, reading.words) == (Tone.FOUND, "Trigger found", ("cf",))
    assert reading.meaning == "With it the model says good, without it bad."
    assert reading.before
    assert reading.after
    assert (reading.before.label, reading.after.label) == ("good", "bad")
    assert reading.noun == "trigger"
    assert reading.verified.startswith("Yes")
    assert reading.replaced == (("cf", "zz", (3,)),)


@pytest.mark.parametrize("rule", ["paper", "conformal"])
def test_a_score_alone_makes_a_word_suspicious_and_no_trigger(rule: str) -> None:
    reading = reading_of(a_reply(TEXT, a_verdict(acted=True, rule=rule)))
    assert (reading.headline, reading.noun) == ("Suspicious word found", "suspect")
    assert rule in reading.verified
    assert reading.measure
    assert reading.measure.name == "anomaly score"


def test_a_trigger_that_turns_nothing() -> None:
    verdict = a_verdict(acted=True)
    reading = reading_of(a_reply(TEXT, replace(verdict, defended=verdict.undefended)))
    assert reading.meaning == "The model says good, whether it is there or not."


def test_a_flag_alone_is_no_trigger() -> None:
    reading = reading_of(a_reply(TEXT, a_verdict(flagged=True)))
    assert (reading.tone, reading.headline) == (Tone.UNSURE, "Unusual text, no trigger found")


@pytest.mark.parametrize("detail", get_args(Detail))
@pytest.mark.parametrize("tested", [True, False, None])
def test_a_label_that_is_not_tested(detail: Detail, *, tested: bool | None) -> None:
    reading = reading_of(a_reply(TEXT, replace(a_verdict(), tested=tested), detail=detail))
    assert bool(reading.tested) == (tested is False)
    if detail != "label":
        assert (reading.headline == "Not tested") == (reading.tone is Tone.UNSURE) == (tested is False)


def test_a_trigger_for_a_label_that_is_not_tested_is_one_all_the_same() -> None:
    reading = reading_of(a_reply(TEXT, replace(a_verdict(acted=True), tested=False)))
    assert (reading.tone, reading.headline) == (Tone.FOUND, "Trigger found")
    assert reading.tested


def test_a_clean_text() -> None:
    reading = reading_of(a_reply(TEXT, a_verdict()))
    assert (reading.tone, reading.headline, reading.words) == (Tone.CLEAR, "No trigger found", ())


def test_many_words_are_counted_once_each() -> None:
    names = ["cf", "CF", "tq", "mn", "bb", "cf"]
    suspects = [
        Suspect(word=name, start=3 * index, end=3 * index + 2, attribution=0.1, replacement="")
        for index, name in enumerate(names)
    ]
    verdict = replace(a_verdict(acted=True), suspects=tuple(suspects))
    reading = reading_of(a_reply(TEXT, verdict))
    assert (reading.headline, reading.words, reading.n_more) == ("Triggers found", ("cf", "tq", "mn"), 1)
    assert reading.replaced[0] == ("cf", "", (1, 16))


@pytest.mark.parametrize(
    ("on_trigger", "answer", "done"),
    [("neutralize", "bad", "was changed"), ("annotate", "good", "only reports"), ("abstain", None, "no answer")],
)
def test_what_the_policy_did(on_trigger: str, answer: str | None, done: str) -> None:
    reading = reading_of(a_reply(TEXT, a_verdict(acted=True), on_trigger=on_trigger))  # type: ignore[arg-type]
    assert (reading.answer.label if reading.answer else None) == answer
    assert done in reading.done


def test_a_blocked_text() -> None:
    reading = reading_of(a_reply(TEXT, a_verdict(acted=True), on_trigger="block"))
    assert (reading.tone, reading.headline) == (Tone.REFUSED, "This text is refused")
    assert "holds a verified trigger" in reading.meaning
    assert "Status 422" in reading.meaning


@pytest.mark.parametrize("kind", ["too_long", "empty", "defense_failed", "whatever"])
def test_every_refusal_has_a_headline(kind: str) -> None:
    reading = reading_of(refused(Refusal(status=413, kind=kind, message="text: no")).document)
    assert reading.tone is Tone.REFUSED
    assert reading.meaning == f"Text: no. (Status 413, {kind})"
    assert reading.headline


def test_below_full_there_is_no_number() -> None:
    reading = reading_of(a_reply(TEXT, a_verdict(acted=True), detail="verdict"))
    assert reading.measure is None
    assert reading.before
    assert reading.before.percent == ""
    assert (reading.headline, reading.words) == ("Trigger found", ("cf",))


@pytest.mark.parametrize(
    ("on_trigger", "headline", "words"),
    [("neutralize", "The answer", ("bad",)), ("abstain", "There is no answer", ())],
)
def test_the_label_alone(on_trigger: str, headline: str, words: tuple[str, ...]) -> None:
    reading = reading_of(a_reply(TEXT, a_verdict(acted=True), detail="label", on_trigger=on_trigger))  # type: ignore[arg-type]
    assert (reading.headline, reading.words) == (headline, words)
    assert (reading.before, reading.after, reading.verified) == (None, None, "")


@pytest.mark.parametrize("detail", get_args(Detail))
def test_an_undefended_answer_is_marked_at_every_detail(detail: Detail) -> None:
    request = Request(texts=(TEXT,), shape=Shape.ONE, explain=False)
    reading = reading_of(
        json.loads(replied(request, Unjudged(undefended=PREDICTION, truncated=True), detail=detail).body)
    )
    assert (reading.tone, reading.headline) == (Tone.UNSURE, "The text could not be judged")
    assert reading.answer
    assert reading.truncated


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "over 99.9 %"),
        (0.999, "99.9 %"),
        (0.5, "50.0 %"),
        (0.0012, "0.12 %"),
        (0.00001, "under 0.01 %"),
        (0, "under 0.01 %"),
    ],
)
def test_percent_is_never_rounded_to_certainty(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.5, 1.0, 50.0])
@pytest.mark.parametrize("threshold", [-2.0, 0.0, 1.0])
def test_a_meter_stays_on_its_scale(value: float, threshold: float) -> None:
    measure = Measure("score", value, threshold, 0.5)
    assert 0 <= measure.value_share <= 1
    assert 0 <= measure.threshold_share <= 1
    assert (measure.value_share > measure.threshold_share) == measure.exceeded == (value > threshold)
