"""Events about loading a model and answering its requests: a line for each that did not go the ordinary way."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from handler.policy import Answer, Outcome
from handler.refusal import Refusal
from handler.reply import Reply
from handler.request import Request
from handler.xgraad import Defense
from handler.xgraad.events import log_event, sizes, text_hash
from handler.xgraad.text_pairs import pair_sign

MOST = 16
"""Texts that one line tells of."""


def log_loaded(defense: Defense, *, model: str, seconds: float) -> None:
    """A worker is ready."""
    log_event(
        "loaded",
        model=model,
        rule=defense.rule,
        device=str(defense.classifier.device),
        weights=defense.calibration.fingerprint.weights,
        n_triggers=len(defense.registry),
        text_pairs=pair_sign(defense.classifier.model.config),
        untested_label_ids=list(defense.calibration.untested) if defense.tests else None,
        seconds=round(seconds, 3),
    )


def log_load_failed(error: Exception, *, model: str) -> None:
    """A worker refuses its model; our own errors' messages hold no text of a user's."""
    log_event("load_failed", level=logging.ERROR, model=model, type=type(error).__name__, message=str(error))


def log_replies(
    rows: Sequence[Mapping[str, Any]],
    requests: Sequence[Request | Refusal],
    replies: Sequence[Reply],
    request_ids: Sequence[str],
) -> None:
    """One line for each request that was refused, failed, or in whose texts something was found or went wrong."""
    for row, request, reply, request_id in zip(rows, requests, replies, request_ids, strict=True):
        if reply.status >= 400:
            _log_error(row, request, reply, request_id)
        elif isinstance(request, Request) and any(map(_is_trouble, reply.answers)):
            _log_trouble(request, reply, request_id)


def _log_error(row: Mapping[str, Any], request: Request | Refusal, reply: Reply, request_id: str) -> None:
    kind = next((answer.kind for answer in reply.answers if isinstance(answer, Refusal)), None)
    said = sizes(request.texts, most=MOST) if isinstance(request, Request) else _raw(row)
    failed = reply.status >= 500
    log_event(
        "failed" if failed else "refused",
        level=logging.ERROR if failed else logging.INFO,
        request_id=request_id,
        status=reply.status,
        type=kind,
        **said,
    )


def _log_trouble(request: Request, reply: Reply, request_id: str) -> None:
    """Which texts, and what was done about them; labels by their numbers. What could not be read has no length."""
    judged = {
        place: {"length": len(text), "hash": text_hash(text)}
        for place, text in zip(request.places, request.texts, strict=True)
    }
    found = [
        {"index": index, **judged.get(index, {}), **_told(answer)}
        for index, answer in enumerate(reply.answers)
        if _is_trouble(answer)
    ]
    log_event("trouble", request_id=request_id, n_texts=len(reply.answers), n_troubled=len(found), texts=found[:MOST])


def _is_trouble(answer: Answer | Refusal) -> bool:
    return isinstance(answer, Refusal) or answer.outcome is not Outcome.PASSED


def _told(answer: Answer | Refusal) -> dict[str, Any]:
    if isinstance(answer, Refusal):
        return {"action": answer.kind}
    told = {"action": str(answer.outcome), "undefended_label_id": answer.undefended.label_id}
    if answer.verdict is None:
        return told
    return told | {
        "defended_label_id": answer.verdict.defended.label_id,
        "verified": answer.verdict.verified,
        "p_value": answer.verdict.p_value,
        "n_suspects": len(answer.verdict.suspects),
    }


def _raw(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a row that could not be read: how many fields, and length and hash of those that are text or bytes."""
    values = [bytes(value) if isinstance(value, bytearray) else value for value in row.values()]
    texts = [value for value in values if isinstance(value, str | bytes)]
    return {"n_fields": len(values), "fields": sizes(texts, most=MOST)["texts"]}
