"""What is told of one text's answer, as a JSON document: its names, and which of them at which level of detail."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from handler.answers.parts import in_parts
from handler.answers.policy import Answer, ServedAction
from handler.refusal import Refusal
from handler.settings import Detail
from handler.xgraad import Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import WordScore
from handler.xgraad.words.pair import is_pair

MAX_SUSPECTS = 64
"""Listed in one reply: a text may repeat its suspect ten thousand times, and servers limit a reply's size."""

ALL = True
_LABEL = {"label": ALL, "label_id": ALL}
DECIDED = {"flagged": ALL, "verified": ALL, "tested": ALL, "action": ALL, "label_changed": ALL}
SUSPECTED = {
    "suspects": {"word": ALL, "part": ALL, "start": ALL, "end": ALL, "replacement": ALL},
    "neutralized_text": ALL,
    "neutralized_text_pair": ALL,
}
_TOLD: Mapping[str, Any] = {
    "label": _LABEL | {"truncated": ALL},
    "verdict": _LABEL
    | {
        "truncated": ALL,
        "defense": {"rule": ALL, "undefended": _LABEL, "defended": _LABEL} | DECIDED | SUSPECTED,
    },
}
"""What a reply tells at each level. A name that is not in here is not told: what somebody adds stays inside at first.
Whoever can watch a score can climb it, so below full there is none, nor a p-value, threshold or probability."""
ALARM = {"defense": {"action": ALL}}
"""Told at every level when the defense failed: nobody may take such an answer for a defended one."""
_UNTESTED = {"defense": {"tested": ALL}}
"""Told at every level of a label that the calibration cannot test, for the same reason."""


def refusal_document(refusal: Refusal) -> dict[str, Any]:
    """What is told in place of an answer. gRPC clients see only this, so it names the status, too."""
    error = {"code": refusal.status, "type": refusal.kind, "message": refusal.message}
    return {"status": "error", "error": error}


def answer_document(answer: Answer, detail: Detail, *, explain: bool, text: str = "") -> dict[str, Any]:
    """What is told of an answer.

    Args:
        answer: to one text, not a blocked one.
        detail: how much is told.
        explain: whether every word's scores are told, too.
        text: what was judged; a pair's spans are told in its parts.
    """
    full = _full(answer) | (explanation_document(answer.verdict.words if answer.verdict else ()) if explain else {})
    full = in_parts(full, text) if is_pair(text) else full
    if detail == "full":
        return full
    document: dict[str, Any] = only(full, _warning(answer.verdict) | _TOLD[detail])
    return document


def _warning(verdict: Verdict | None) -> Mapping[str, Any]:
    """What is told of an answer that was not defended, or not as others are, however little is told of those."""
    if verdict is None:
        return ALARM
    return _UNTESTED if verdict.tested is False else {}


def only(value: Any, told: Any) -> Any:
    """The part of a document that may be told."""
    if told is ALL or value is None:
        return value
    if isinstance(value, list):
        return [only(inner, told) for inner in value]
    return {name: only(inner, told[name]) for name, inner in value.items() if name in told}


def _full(answer: Answer) -> dict[str, Any]:
    prediction = answer.prediction
    return {
        "label": prediction.label if prediction else None,
        "label_id": prediction.label_id if prediction else None,
        "score": prediction.score if prediction else None,
        "probabilities": prediction.probabilities if prediction else None,
        "truncated": answer.truncated,
        "defense": _defense(answer, answer.verdict) if answer.verdict else _no_defense(answer),
    }


def _defense(answer: Answer, verdict: Verdict) -> dict[str, Any]:
    """How the answer came about."""
    undefended, defended = _prediction(answer.undefended), _prediction(verdict.defended)
    decided = decision_document(verdict, answer.action, undefended=undefended, defended=defended)
    return {"rule": verdict.rule} | decided


def decision_document(
    verdict: Verdict, action: ServedAction, *, undefended: dict[str, Any], defended: dict[str, Any]
) -> dict[str, Any]:
    """What was found and done about one label.

    Args:
        verdict: on it.
        action: what the operator's policy made of that.
        undefended: what is told of the plain model's answer.
        defended: of the one without the suspects.
    """
    return {
        "flagged": verdict.flagged,
        "verified": verdict.verified,
        "tested": verdict.tested,
        "action": action,
        "anomaly_score": verdict.anomaly_score,
        "gate_score": verdict.gate_score,
        "threshold": verdict.threshold,
        "p_value": verdict.p_value,
        "label_changed": verdict.label_changed,
        "undefended": undefended,
        "defended": defended,
        "suspects": [asdict(suspect) for suspect in verdict.suspects[:MAX_SUSPECTS]],
        "neutralized_text": verdict.neutralized_text,
    }


_BY_VERDICT = (
    "rule",
    "flagged",
    "verified",
    "tested",
    "anomaly_score",
    "gate_score",
    "threshold",
    "p_value",
    "label_changed",
)


def _no_defense(answer: Answer) -> dict[str, Any]:
    """The same names, null where only a verdict could tell."""
    return dict.fromkeys(_BY_VERDICT) | {
        "action": answer.action,
        "undefended": _prediction(answer.undefended),
        "defended": None,
        "suspects": [],
        "neutralized_text": None,
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {"label": prediction.label, "label_id": prediction.label_id, "score": prediction.score}


def explanation_document(scores: Sequence[WordScore]) -> dict[str, Any]:
    """Every word's scores; `words` and `importances` are what TorchServe's own text explanations have."""
    words = [
        {
            "word": score.word.text,
            "start": score.word.start,
            "end": score.word.end,
            "attention": score.attention,
            "gradient": score.gradient,
            "attribution": score.attribution,
        }
        for score in scores
    ]
    return {
        "words": [word["word"] for word in words],
        "importances": [word["attribution"] for word in words],
        "explanation": {"words": words},
    }
