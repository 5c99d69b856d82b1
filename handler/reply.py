"""Verdicts and refusals to JSON documents: the wire format, and nothing else knows it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from handler.request import Refusal, Request, Shape
from handler.xgraad import Verdict
from handler.xgraad.prediction import Prediction

_LISTS = {False: "predictions", True: "explanations"}
"""What KServe's v1 protocol calls the list of answers to `instances`."""

MAX_SUSPECTS = 64
"""Listed in one reply: a text may repeat its suspect ten thousand times, and TorchServe limits a reply's size."""


def reply(request: Request, verdicts: Sequence[Verdict]) -> bytes:
    """The JSON answer to one request, in the shape in which its texts came."""
    documents = [_document(verdict, explain=request.explain) for verdict in verdicts]
    if request.shape is Shape.ONE:
        return to_json(documents[0])
    return to_json({_LISTS[request.explain]: documents} if request.shape is Shape.INSTANCES else documents)


def refuse(refusal: Refusal) -> bytes:
    """The JSON answer to a request that cannot be served. gRPC clients see only this, so it names the status too."""
    error = {"code": refusal.status, "type": refusal.kind, "message": refusal.message}
    return to_json({"status": "error", "error": error})


def to_json(document: Any) -> bytes:
    """Strict JSON: NaN and infinity are bugs, never bytes on the wire."""
    return json.dumps(document, allow_nan=False, ensure_ascii=False).encode()


def _document(verdict: Verdict, *, explain: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "label": verdict.label,
        "label_id": verdict.label_id,
        "score": verdict.score,
        "probabilities": verdict.probabilities,
        "truncated": verdict.truncated,
        "defense": {
            "rule": verdict.rule,
            "flagged": verdict.flagged,
            "verified": verdict.verified,
            "action": verdict.action,
            "anomaly_score": verdict.anomaly_score,
            "gate_score": verdict.gate_score,
            "threshold": verdict.threshold,
            "p_value": verdict.p_value,
            "label_changed": verdict.label_changed,
            "undefended": _prediction(verdict.undefended),
            "defended": _prediction(verdict.defended),
            "suspects": [asdict(suspect) for suspect in verdict.suspects[:MAX_SUSPECTS]],
            "neutralized_text": verdict.neutralized_text,
        },
    }
    return document | _explanation(verdict) if explain else document


def _prediction(prediction: Prediction) -> dict[str, Any]:
    return {"label": prediction.label, "label_id": prediction.label_id, "score": prediction.score}


def _explanation(verdict: Verdict) -> dict[str, Any]:
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
        for score in verdict.words
    ]
    return {
        "words": [word["word"] for word in words],
        "importances": [word["attribution"] for word in words],
        "explanation": {"words": words},
    }
