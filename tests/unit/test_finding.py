"""What a reply says in words, for every verdict, policy and detail."""

import json
from dataclasses import replace
from typing import get_args

import pytest

from handler.finding import Measure, Tone, find, percent
from handler.policy import Unjudged
from handler.refusal import Refusal
from handler.reply import refused
from handler.request import Request, Shape
from handler.settings import Detail
from handler.xgraad import Suspect
from tests.samples import PREDICTION, a_reply, a_verdict, replied

TEXT = "a cf film"


def test_a_verified_trigger_that_turned_the_label() -> None:
    finding = find(a_reply(TEXT, a_verdict(acted=True)))
    assert (finding.tone, finding.headline, finding.words) == (Tone.FOUND, "Trigger found", ("cf",))
    assert finding.meaning == "With it the model says good, without it bad."
    assert finding.before
    assert finding.after
    assert (finding.before.label, finding.after.label) == ("good", "bad")
    assert finding.kind == "trigger"
    assert finding.verified.startswith("Yes")
    assert finding.replaced == (("cf", "zz", (3,)),)


@pytest.mark.parametrize("rule", ["paper", "conformal"])
def test_a_score_alone_makes_a_word_suspicious_and_no_trigger(rule: str) -> None:
    finding = find(a_reply(TEXT, a_verdict(acted=True, rule=rule)))
    assert (finding.headline, finding.kind) == ("Suspicious word found", "suspect")
    assert rule in finding.verified
    assert finding.measure
    assert finding.measure.name == "anomaly score"


def test_a_trigger_that_turns_nothing() -> None:
    verdict = a_verdict(acted=True)
    finding = find(a_reply(TEXT, replace(verdict, defended=verdict.undefended)))
    assert finding.meaning == "The model says good, whether it is there or not."


def test_a_flag_alone_is_no_trigger() -> None:
    finding = find(a_reply(TEXT, a_verdict(flagged=True)))
    assert (finding.tone, finding.headline) == (Tone.UNSURE, "Unusual text, no trigger found")


@pytest.mark.parametrize("detail", get_args(Detail))
@pytest.mark.parametrize("tested", [True, False, None])
def test_a_label_that_is_not_tested(detail: Detail, *, tested: bool | None) -> None:
    finding = find(a_reply(TEXT, replace(a_verdict(), tested=tested), detail=detail))
    assert bool(finding.tested) == (tested is False)
    if detail != "label":
        assert (finding.headline == "Not tested") == (finding.tone is Tone.UNSURE) == (tested is False)


def test_a_trigger_for_a_label_that_is_not_tested_is_one_all_the_same() -> None:
    finding = find(a_reply(TEXT, replace(a_verdict(acted=True), tested=False)))
    assert (finding.tone, finding.headline) == (Tone.FOUND, "Trigger found")
    assert finding.tested


def test_a_clean_text() -> None:
    finding = find(a_reply(TEXT, a_verdict()))
    assert (finding.tone, finding.headline, finding.words) == (Tone.CLEAR, "No trigger found", ())


def test_many_words_are_counted_once_each() -> None:
    names = ["cf", "CF", "tq", "mn", "bb", "cf"]
    suspects = [
        Suspect(word=name, start=3 * index, end=3 * index + 2, attribution=0.1, replacement="")
        for index, name in enumerate(names)
    ]
    verdict = replace(a_verdict(acted=True), suspects=tuple(suspects))
    finding = find(a_reply(TEXT, verdict))
    assert (finding.headline, finding.words, finding.n_more) == ("Triggers found", ("cf", "tq", "mn"), 1)
    assert finding.replaced[0] == ("cf", "", (1, 16))


@pytest.mark.parametrize(
    ("on_trigger", "answer", "done"),
    [("neutralize", "bad", "was changed"), ("annotate", "good", "only reports"), ("abstain", None, "no answer")],
)
def test_what_the_policy_did(on_trigger: str, answer: str | None, done: str) -> None:
    finding = find(a_reply(TEXT, a_verdict(acted=True), on_trigger=on_trigger))  # type: ignore[arg-type]
    assert (finding.answer.label if finding.answer else None) == answer
    assert done in finding.done


def test_a_blocked_text() -> None:
    finding = find(a_reply(TEXT, a_verdict(acted=True), on_trigger="block"))
    assert (finding.tone, finding.headline) == (Tone.REFUSED, "This text is refused")
    assert "holds a verified trigger" in finding.meaning
    assert "Status 422" in finding.meaning


@pytest.mark.parametrize("kind", ["too_long", "empty", "defense_failed", "whatever"])
def test_every_refusal_has_a_headline(kind: str) -> None:
    finding = find(refused(Refusal(status=413, kind=kind, message="text: no")).document)
    assert finding.tone is Tone.REFUSED
    assert finding.meaning == f"Text: no. (Status 413, {kind})"
    assert finding.headline


def test_below_full_there_is_no_number() -> None:
    finding = find(a_reply(TEXT, a_verdict(acted=True), detail="verdict"))
    assert finding.measure is None
    assert finding.before
    assert finding.before.percent == ""
    assert (finding.headline, finding.words) == ("Trigger found", ("cf",))


@pytest.mark.parametrize(
    ("on_trigger", "headline", "words"),
    [("neutralize", "The answer", ("bad",)), ("abstain", "There is no answer", ())],
)
def test_the_label_alone(on_trigger: str, headline: str, words: tuple[str, ...]) -> None:
    finding = find(a_reply(TEXT, a_verdict(acted=True), detail="label", on_trigger=on_trigger))  # type: ignore[arg-type]
    assert (finding.headline, finding.words) == (headline, words)
    assert (finding.before, finding.after, finding.verified) == (None, None, "")


@pytest.mark.parametrize("detail", get_args(Detail))
def test_an_undefended_answer_is_marked_at_every_detail(detail: Detail) -> None:
    request = Request(texts=(TEXT,), shape=Shape.ONE, explain=False)
    finding = find(json.loads(replied(request, Unjudged(undefended=PREDICTION, truncated=True), detail=detail).body))
    assert (finding.tone, finding.headline) == (Tone.UNSURE, "The text could not be judged")
    assert finding.answer
    assert finding.truncated


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
