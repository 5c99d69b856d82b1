"""What becomes of a verdict: the operator's `on_trigger` and `second_opinion`, text by text."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from handler.refusal import Refusal
from handler.settings import Settings
from handler.xgraad import Action, Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.multilabel.labels_verdict import LabelsPrediction, LabelsVerdict


class ServedAction(StrEnum):
    """What was done about a text in the end: `action` of replies, metrics and logs. A rule's `Action` comes before."""

    PASSED = "passed"
    """The rule did not act: the answer is the plain model's."""
    NEUTRALIZED = "neutralized"
    """Suspect words were changed; the answer is that of the changed text."""
    OVERRULED = "overruled"
    """Gate and reference object to the plain model's label and no trigger was found: the answer is the reference's."""
    ANNOTATED = "annotated"
    """The answer is the plain model's, and the defense says what is wrong with it."""
    ABSTAINED = "abstained"
    """There is no answer."""
    UNDEFENDED = "undefended"
    """The defense failed: the answer is the plain model's, and nobody knows what it is worth."""
    BLOCKED = "blocked"
    """The client reads an error in place of an answer, and so no `action`."""


@dataclass(frozen=True, kw_only=True)
class Unjudged:
    """What there is in place of a verdict where the defense failed and the plain model did not."""

    undefended: Prediction | LabelsPrediction
    """What the plain model says."""
    truncated: bool
    """True when the model did not see the end of the text."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is answered to one text."""

    action: ServedAction
    prediction: Prediction | None
    """None where it is withheld."""
    truncated: bool
    """True when the model did not see the end of the text."""
    undefended: Prediction
    """What the plain model says."""
    verdict: Verdict | None
    """None where the defense failed."""


@dataclass(frozen=True, kw_only=True)
class LabelsAnswer:
    """What is answered to one text by a model that may give it several labels."""

    action: ServedAction
    """The strongest thing that was done about a label."""
    prediction: LabelsPrediction | None
    """None where it is withheld. One label that is withheld takes the others with it: what is left of the answer might
    be what an attacker wants."""
    truncated: bool
    """True when the model did not see the end of the text."""
    undefended: LabelsPrediction
    """What the plain model says."""
    verdict: LabelsVerdict | None
    """None where the defense failed."""
    decisions: tuple[Answer, ...] = ()
    """What was settled for each label; nothing where the defense failed."""


AnyAnswer = Answer | LabelsAnswer
Judged = Verdict | LabelsVerdict | Unjudged

STRONGEST_FIRST = (
    ServedAction.BLOCKED,
    ServedAction.ABSTAINED,
    ServedAction.NEUTRALIZED,
    ServedAction.OVERRULED,
    ServedAction.ANNOTATED,
    ServedAction.PASSED,
)


def settle(judged: Sequence[Judged], settings: Settings) -> list[AnyAnswer]:
    """What to answer for each text, in order."""
    return [_any_answer(each, settings) for each in judged]


def readable(answer: AnyAnswer, place: str) -> AnyAnswer | Refusal:
    """The answer as its client reads it: of a blocked text an error.

    It names the place and not the word: the message may end in somebody's log.
    """
    if answer.action is not ServedAction.BLOCKED:
        return answer
    is_verified = answer.verdict and answer.verdict.verified
    why = "holds a verified trigger" if is_verified else "is suspected of holding a trigger"
    return Refusal(status=422, kind="trigger_blocked", message=f"{place}: {why}; such texts are blocked here")


def _any_answer(judged: Judged, settings: Settings) -> AnyAnswer:
    if isinstance(judged, Unjudged):
        said, kind = judged.undefended, ServedAction.UNDEFENDED
        if isinstance(said, LabelsPrediction):
            return LabelsAnswer(action=kind, prediction=said, truncated=judged.truncated, undefended=said, verdict=None)
        return Answer(action=kind, prediction=said, truncated=judged.truncated, undefended=said, verdict=None)
    return _of_labels(judged, settings) if isinstance(judged, LabelsVerdict) else _answer(judged, settings)


def _answer(verdict: Verdict, settings: Settings) -> Answer:
    action, prediction = _settled(verdict, settings)
    return Answer(
        action=action,
        prediction=prediction,
        truncated=verdict.truncated,
        undefended=verdict.undefended,
        verdict=verdict,
    )


def _of_labels(verdict: LabelsVerdict, settings: Settings) -> LabelsAnswer:
    decisions = tuple(_answer(each, settings) for each in verdict.decisions)
    done = {each.action for each in decisions}
    said = [each.prediction for each in decisions if each.prediction]
    return LabelsAnswer(
        action=next(action for action in STRONGEST_FIRST if action in done),
        prediction=verdict.prediction_of(said) if len(said) == len(decisions) else None,
        truncated=verdict.truncated,
        undefended=verdict.undefended,
        verdict=verdict,
        decisions=decisions,
    )


def _settled(judged: Verdict, settings: Settings) -> tuple[ServedAction, Prediction | None]:
    if judged.action is Action.PASSED:
        return ServedAction.PASSED, judged.undefended
    if judged.action is Action.OVERRULED:
        return {
            "ignore": (ServedAction.PASSED, judged.undefended),
            "answer": (ServedAction.OVERRULED, judged.defended),
            "annotate": (ServedAction.ANNOTATED, judged.undefended),
            "abstain": (ServedAction.ABSTAINED, None),
        }[settings.second_opinion]
    return {
        "neutralize": (ServedAction.NEUTRALIZED, judged.defended),
        "annotate": (ServedAction.ANNOTATED, judged.undefended),
        "abstain": (ServedAction.ABSTAINED, None),
        "block": (ServedAction.BLOCKED, None),
    }[settings.on_trigger]
