"""What becomes of a verdict: the operator's `on_trigger`, text by text."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from handler.refusal import Refusal
from handler.request import Request
from handler.settings import OnTrigger
from handler.xgraad import Action, Verdict
from handler.xgraad.prediction import Prediction


class Outcome(StrEnum):
    """What a client reads as `action`. A blocked text has none: it is answered with an error."""

    PASSED = "passed"
    """The rule did not act: the answer is the plain model's."""
    NEUTRALIZED = "neutralized"
    """Suspect words were changed; the answer is that of the changed text."""
    ANNOTATED = "annotated"
    """The answer is the plain model's, and the defense says what is wrong with it."""
    ABSTAINED = "abstained"
    """There is no answer."""
    UNDEFENDED = "undefended"
    """The defense failed: the answer is the plain model's, and nobody knows what it is worth."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a client gets for one text."""

    outcome: Outcome
    prediction: Prediction | None
    """None where it is withheld."""
    truncated: bool
    """True when the model did not see the end of the text."""
    undefended: Prediction
    """What the plain model says."""
    verdict: Verdict | None
    """None where the defense failed."""


def settle(request: Request, verdicts: Sequence[Verdict], on_trigger: OnTrigger) -> list[Answer | Refusal]:
    """What to answer for each text that was judged, in order; a blocked text is a refusal of its own."""
    return [
        _blocked(verdict, request.shape.place(place))
        if on_trigger == "block" and verdict.action is Action.NEUTRALIZED
        else _answer(verdict, on_trigger)
        for place, verdict in zip(request.places, verdicts, strict=True)
    ]


def undefended(prediction: Prediction, *, truncated: bool) -> Answer:
    """The plain model's answer to a text that could not be judged."""
    return Answer(
        outcome=Outcome.UNDEFENDED, prediction=prediction, truncated=truncated, undefended=prediction, verdict=None
    )


def _answer(verdict: Verdict, on_trigger: OnTrigger) -> Answer:
    outcome, prediction = _outcome(verdict, on_trigger)
    return Answer(
        outcome=outcome,
        prediction=prediction,
        truncated=verdict.truncated,
        undefended=verdict.undefended,
        verdict=verdict,
    )


def _outcome(verdict: Verdict, on_trigger: OnTrigger) -> tuple[Outcome, Prediction | None]:
    if verdict.action is Action.PASSED:
        return Outcome.PASSED, verdict.undefended
    if on_trigger == "annotate":
        return Outcome.ANNOTATED, verdict.undefended
    if on_trigger == "abstain":
        return Outcome.ABSTAINED, None
    return Outcome.NEUTRALIZED, verdict.defended


def _blocked(verdict: Verdict, place: str) -> Refusal:
    """Names the place and not the word: the message may end in somebody's log."""
    why = "holds a verified trigger" if verdict.verified else "is suspected of holding a trigger"
    return Refusal(status=422, kind="trigger_blocked", message=f"{place}: {why}; such texts are blocked here")
