"""Answers and refusals to JSON documents: the wire format, and nothing else knows it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, NamedTuple

from handler.framing import JSON_LENGTH
from handler.policy import Answer
from handler.refusal import Refusal
from handler.request import Request, Shape
from handler.settings import Detail
from handler.tensors import in_tensors
from handler.xgraad import Verdict
from handler.xgraad.prediction import Prediction

_LISTS = {False: "predictions", True: "explanations"}
"""What KServe's v1 protocol calls the list of answers to `instances`."""

BINARY_TYPE = "application/octet-stream"
"""Of a reply with raw tensors behind its JSON."""

MAX_SUSPECTS = 64
"""Listed in one reply: a text may repeat its suspect ten thousand times, and TorchServe limits a reply's size."""

_ALL = True
_LABEL = {"label": _ALL, "label_id": _ALL}
_TOLD: Mapping[str, Any] = {
    "label": _LABEL | {"truncated": _ALL},
    "verdict": _LABEL
    | {
        "truncated": _ALL,
        "defense": {
            "rule": _ALL,
            "flagged": _ALL,
            "verified": _ALL,
            "tested": _ALL,
            "action": _ALL,
            "label_changed": _ALL,
            "undefended": _LABEL,
            "defended": _LABEL,
            "suspects": {"word": _ALL, "start": _ALL, "end": _ALL, "replacement": _ALL},
            "neutralized_text": _ALL,
        },
    },
    "full": _ALL,
}
"""What a reply tells at each level. A name that is not in here is not told: what somebody adds stays inside at first.
Whoever can watch a score can climb it, so below full there is none, nor a p-value, threshold or probability."""
_ALARM = {"defense": {"action": _ALL}}
"""Told at every level when the defense failed: nobody may take such an answer for a defended one."""
_UNTESTED = {"defense": {"tested": _ALL}}
"""Told at every level of a label that the calibration cannot test, for the same reason."""


class Reply(NamedTuple):
    """One request's answer, ready to be sent."""

    status: int
    """Of HTTP; gRPC clients see only the body."""
    body: bytes
    answers: tuple[Answer | Refusal, ...] = ()
    """What the body tells, text by text, or why the whole request is refused; for metrics and logs."""
    verdicts: tuple[Verdict, ...] = ()
    """What the defense found in the texts, also in those that are refused for it; for metrics."""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    """More of HTTP's, as names and values in ASCII."""
    raw: bytes = b""
    """Tensors that were asked for as bytes; `named` puts them behind the body."""


def reply(request: Request, answers: Sequence[Answer | Refusal], detail: Detail) -> Reply:
    """The JSON answer to one request, in the shape in which its texts came.

    A refused text takes its place as an error among its neighbors' answers; the status is 200 while one has an answer.

    Args:
        request: the texts.
        answers: to those that could be judged, in order.
        detail: how much is told.
    """
    answers = request.in_order(answers)
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    status = refusals[0].status if len(refusals) == len(answers) else 200
    if request.inference and status != HTTPStatus.OK:
        return refuse(refusals[0])._replace(answers=tuple(answers))
    documents = [_document(answer, detail, explain=request.explain) for answer in answers]
    document, raw = _in_shape(request, documents)
    return Reply(status, to_json(document), tuple(answers), raw=raw)


def named(reply: Reply, request: Request | Refusal, *, model: str, version: str | None) -> Reply:
    """The same reply; in tensors it says whose it is, and has behind it what was asked for as bytes."""
    if isinstance(request, Refusal) or request.inference is None or reply.status != HTTPStatus.OK:
        return reply
    served = {"model_name": model} | ({"model_version": version} if version else {})
    body = to_json(served | json.loads(reply.body))
    if not reply.raw:
        return reply._replace(body=body)
    length = (JSON_LENGTH, str(len(body)))
    return reply._replace(body=body + reply.raw, content_type=BINARY_TYPE, headers=(*reply.headers, length), raw=b"")


def _in_shape(request: Request, documents: list[dict[str, Any]]) -> tuple[Any, bytes]:
    """The document, and raw tensors."""
    if request.inference:
        return in_tensors(documents, request.inference)
    if request.shape is Shape.ONE:
        return documents[0], b""
    return documents if request.shape is Shape.MANY else {_LISTS[request.explain]: documents}, b""


def refuse(refusal: Refusal) -> Reply:
    """The JSON answer to a request that cannot be served."""
    return Reply(refusal.status, to_json(_error(refusal)), (refusal,))


def to_json(document: Any) -> bytes:
    """Strict JSON: NaN and infinity are bugs, never bytes on the wire."""
    return json.dumps(document, allow_nan=False, ensure_ascii=False).encode()


def _error(refusal: Refusal) -> dict[str, Any]:
    """gRPC clients see only this, so it names the status, too."""
    error = {"code": refusal.status, "type": refusal.kind, "message": refusal.message}
    return {"status": "error", "error": error}


def _document(answer: Answer | Refusal, detail: Detail, *, explain: bool) -> dict[str, Any]:
    if isinstance(answer, Refusal):
        return _error(answer)
    full = _full(answer) | (_explanation(answer.verdict) if explain else {})
    if detail == "full":
        return full
    to_json(full)  # a score that is not a number is a fault, and as much of one where it would not be told
    told = _warning(answer.verdict) | _TOLD[detail]
    document: dict[str, Any] = _only(full, told)
    return document


def _warning(verdict: Verdict | None) -> Mapping[str, Any]:
    """What is told of an answer that was not defended, or not as others are, however little is told of those."""
    if verdict is None:
        return _ALARM
    return _UNTESTED if verdict.tested is False else {}


def _only(value: Any, told: Any) -> Any:
    """The part of a document that may be told."""
    if told is _ALL or value is None:
        return value
    if isinstance(value, list):
        return [_only(inner, told) for inner in value]
    return {name: _only(inner, told[name]) for name, inner in value.items() if name in told}


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
    return {
        "rule": verdict.rule,
        "flagged": verdict.flagged,
        "verified": verdict.verified,
        "tested": verdict.tested,
        "action": answer.outcome,
        "anomaly_score": verdict.anomaly_score,
        "gate_score": verdict.gate_score,
        "threshold": verdict.threshold,
        "p_value": verdict.p_value,
        "label_changed": verdict.label_changed,
        "undefended": _prediction(answer.undefended),
        "defended": _prediction(verdict.defended),
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
        "action": answer.outcome,
        "undefended": _prediction(answer.undefended),
        "defended": None,
        "suspects": [],
        "neutralized_text": None,
    }


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {"label": prediction.label, "label_id": prediction.label_id, "score": prediction.score}


def _explanation(verdict: Verdict | None) -> dict[str, Any]:
    """Every word's scores; `words` and `importances` are what TorchServe's own text explanations have."""
    scores = verdict.words if verdict else ()
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
