"""What becomes of a verdict: the operator's `on_trigger` and `second_opinion`, text by text."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from handler.refusal import Refusal
from handler.settings import Settings
from handler.xgraad import Action, Verdict
from handler.xgraad.model.prediction import Prediction


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

    undefended: Prediction
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


def settle(judged: Sequence[Verdict | Unjudged], settings: Settings) -> list[Answer]:
    """What to answer for each text, in order."""
    return [_answer(each, settings) for each in judged]


def readable(answer: Answer, place: str) -> Answer | Refusal:
    """The answer as its client reads it: of a blocked text an error.

    It names the place and not the word: the message may end in somebody's log.
    """
    if answer.action is not ServedAction.BLOCKED:
        return answer
    is_verified = answer.verdict and answer.verdict.verified
    why = "holds a verified trigger" if is_verified else "is suspected of holding a trigger"
    return Refusal(status=422, kind="trigger_blocked", message=f"{place}: {why}; such texts are blocked here")


def _answer(judged: Verdict | Unjudged, settings: Settings) -> Answer:
    action, prediction = _settled(judged, settings)
    return Answer(
        action=action,
        prediction=prediction,
        truncated=judged.truncated,
        undefended=judged.undefended,
        verdict=judged if isinstance(judged, Verdict) else None,
    )


def _settled(judged: Verdict | Unjudged, settings: Settings) -> tuple[ServedAction, Prediction | None]:
    if isinstance(judged, Unjudged):
        return ServedAction.UNDEFENDED, judged.undefended
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
