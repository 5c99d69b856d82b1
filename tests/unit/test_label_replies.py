"""Replies of several labels: what policies and details tell, of texts and pairs, on the page and in the terminal."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from handler.answers.labels_document import MAX_DECISIONS, labels_document
from handler.answers.policy import LabelsAnswer, ServedAction, Unjudged, settle
from handler.page.several import NO_LABEL, as_single, told_of_labels
from handler.settings import Settings
from handler.xgraad import Action, Verdict
from handler.xgraad.editing.verdict import Suspect
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.multilabel.labels_verdict import LabelsPrediction, LabelsVerdict
from handler.xgraad.words.pair import join_pair
from scripts.console.errors import LabError
from scripts.console.explanation_view import explained
from scripts.console.reply_view import reply_table
from scripts.serving.served_defense import verdict_from
from tests.samples import a_verdict

NAMES = ("toxic", "insult", "threat", "spam", "other")
TEXT = "a cf film"


def said(has_label: bool) -> Prediction:
    return Prediction(
        label="x",
        label_id=int(has_label),
        score=0.75,
        probabilities={"no": 0.75 - 0.5 * has_label, "x": 0.25 + 0.5 * has_label},
    )


def decided(before: bool, after: bool | None = None, *, text: str = TEXT) -> Verdict:
    """Of one label: nothing found, or a trigger whose removal leaves it `after`."""
    acted = after is not None
    return replace(
        a_verdict(text, acted=acted), undefended=said(before), defended=said(before if after is None else after)
    )


def verdict_of(*decisions: Verdict, threshold: float = 0.5) -> LabelsVerdict:
    return LabelsVerdict(names=NAMES[: len(decisions)], threshold=threshold, decisions=decisions)


def settled(verdict: LabelsVerdict | Unjudged, **section: Any) -> LabelsAnswer:
    (answer,) = settle([verdict], Settings(**section))
    assert isinstance(answer, LabelsAnswer)
    return answer


RAISED = verdict_of(decided(True, False), decided(True), decided(False))


def test_the_labels_add_up() -> None:
    assert RAISED.undefended.labels == ("toxic", "insult")
    assert RAISED.defended.label_ids == (1,)
    assert (RAISED.flagged, RAISED.verified, RAISED.label_changed, RAISED.tested) == (True,) * 4
    assert RAISED.action is Action.NEUTRALIZED
    nothing = verdict_of(decided(False), decided(False))
    assert nothing.undefended.labels == ()
    assert (nothing.verified, nothing.label_changed, nothing.action) == (False, False, Action.PASSED)
    untested = verdict_of(decided(False), replace(decided(False), tested=False))
    assert untested.tested is False


@given(threshold=st.floats(0.05, 0.95), share=st.floats(0.001, 0.999))
def test_probabilities_are_the_labels_own_whatever_the_threshold(threshold: float, share: float) -> None:
    """A view says one half at the threshold; what is told is the sigmoid."""
    odds = share / (1 - share) * (1 - threshold) / threshold
    view = odds / (1 + odds)
    prediction = Prediction(label="x", label_id=1, score=view, probabilities={"no": 1 - view, "x": view})
    found = LabelsPrediction.of([prediction], ["x"], threshold=threshold)
    assert found.probabilities["x"] == pytest.approx(share, abs=1e-9)


@pytest.mark.parametrize(
    ("policy", "action", "labels"),
    [
        ("neutralize", ServedAction.NEUTRALIZED, ("insult",)),
        ("annotate", ServedAction.ANNOTATED, ("toxic", "insult")),
        ("abstain", ServedAction.ABSTAINED, None),
        ("block", ServedAction.BLOCKED, None),
    ],
)
def test_the_strongest_action_of_a_label_is_the_texts(policy: Any, action: ServedAction, labels: Any) -> None:
    answer = settled(RAISED, on_trigger=policy)
    assert answer.action is action
    assert (answer.prediction and answer.prediction.labels) == labels


def test_without_a_verdict_the_plain_labels_are_marked() -> None:
    answer = settled(Unjudged(undefended=RAISED.undefended, truncated=True))
    document = labels_document(answer, "label", explain=False)
    assert document["labels"] == ["toxic", "insult"]
    assert document["defense"] == {"action": "undefended"}
    full = labels_document(answer, "full", explain=True)
    assert full["explanation"]["words"] == []
    assert full["defense"].keys() == labels_document(settled(RAISED), "full", explain=False)["defense"].keys()


def test_the_worst_decisions_are_told_and_all_are_counted() -> None:
    many = verdict_of(*[decided(False, False)] * 3, decided(True, False), replace(decided(False), flagged=True))
    document = labels_document(settled(many), "full", explain=False)
    assert document["defense"]["n_decisions"] == len(NAMES)
    told = [each["label"] for each in document["defense"]["decisions"]]
    assert len(told) == MAX_DECISIONS
    assert told[0] == "spam", "the one whose label changes"


def test_of_a_pair_words_stand_in_their_parts() -> None:
    text = join_pair("a film", "the cf plot")
    start = text.index("cf")
    suspect = Suspect(word="cf", start=start, end=start + 2, attribution=0.5, replacement="")
    acted = replace(decided(True, False), suspects=(suspect,), neutralized_text=join_pair("a film", "the  plot"))
    document = labels_document(settled(verdict_of(acted, decided(False))), "full", explain=False, text=text)
    (decision,) = document["defense"]["decisions"]
    (placed,) = decision["suspects"]
    assert (placed["part"], placed["start"], placed["end"]) == ("text_pair", 4, 6)
    assert (decision["neutralized_text"], decision["neutralized_text_pair"]) == ("a film", "the  plot")


def test_a_person_reads_the_labels_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    document = labels_document(settled(RAISED), "full", explain=False)
    single = as_single(document)
    assert single["label"] == "insult"
    assert single["defense"]["undefended"]["label"] == "toxic, insult"
    assert [suspect["word"] for suspect in single["defense"]["suspects"]] == ["cf"]
    assert told_of_labels(document) == (("toxic", "“cf” raises it"),)
    silenced = labels_document(settled(verdict_of(decided(False, True), decided(False))), "full", explain=False)
    assert told_of_labels(silenced) == (("toxic", "“cf” silences it"),)
    Console(width=200).print(reply_table([TEXT], [document]), explained(TEXT, document))
    shown = capsys.readouterr().out
    for part in ("toxic, insult", "insult", "“cf” raises it"):
        assert part in shown


def test_no_label_and_a_withheld_answer_are_not_the_same() -> None:
    nothing = labels_document(settled(verdict_of(decided(False), decided(False))), "label", explain=False)
    withheld = labels_document(settled(RAISED, on_trigger="abstain"), "label", explain=False)
    assert (nothing["labels"], withheld["labels"]) == ([], None)
    assert as_single(nothing)["label"] == NO_LABEL
    assert as_single(withheld)["label"] is None
    of_one = {"label": "good", "label_id": 1, "truncated": False}
    assert as_single(of_one) is of_one


def test_a_reply_of_several_labels_is_no_single_verdict() -> None:
    with pytest.raises(LabError, match="several labels"):
        verdict_from(labels_document(settled(RAISED), "full", explain=False))
