"""Events about loading a model and answering its requests: a line for each that did not go the ordinary way."""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from handler.answers.policy import AnyAnswer, LabelsAnswer, ServedAction
from handler.hooks.exchange import Exchange
from handler.refusal import Refusal
from handler.xgraad.drift.reservoir import DriftWindow
from handler.xgraad.events import log_event, sizes, text_hash
from handler.xgraad.files.text_pairs import pair_sign
from handler.xgraad.labels_defense import AnyDefense

MOST = 16
"""Texts that one line tells of."""


def log_loaded(defense: AnyDefense, *, model: str, seconds: float) -> None:
    """A worker is ready."""
    log_event(
        "loaded",
        model=model,
        rule=defense.rule,
        device=str(defense.classifier.device),
        weights=defense.calibration.fingerprint.weights,
        n_triggers=len(defense.registry),
        takes_pairs=defense.takes_pairs,
        text_pairs=pair_sign(defense.classifier.model.config, takes_pairs=defense.takes_pairs),
        untested_label_ids=list(defense.calibration.untested) if defense.tests else None,
        seconds=round(seconds, 3),
    )


def log_load_failed(error: Exception, *, model: str) -> None:
    """A worker refuses its model; our own errors' messages hold no text of a user's."""
    log_event("load_failed", level=logging.ERROR, model=model, type=type(error).__name__, message=str(error))


def log_drift(windows: Iterable[DriftWindow], *, model: str) -> None:
    """One line where the alarm of a domain begins, and one where it ends."""
    for window in windows:
        if window.alarms != window.was_alarm:
            event, level = ("drift_began", logging.WARNING) if window.alarms else ("drift_ended", logging.INFO)
            log_event(event, level=level, model=model, domain=window.domain, ratio=round(window.ratio, 3))


def log_exchanges(exchanges: Iterable[Exchange]) -> None:
    """One line for each request that was refused, failed, or in whose texts something was found or went wrong."""
    for exchange in exchanges:
        if exchange.reply.error:
            _log_error(exchange, exchange.reply.error)
        elif any(map(_is_trouble, exchange.answers)):
            _log_trouble(exchange)


def _log_error(exchange: Exchange, error: Refusal) -> None:
    said = sizes(exchange.texts, most=MOST) if exchange.request else _raw(exchange.row)
    failed = error.status >= 500
    log_event(
        "failed" if failed else "refused",
        level=logging.ERROR if failed else logging.INFO,
        request_id=exchange.id,
        status=error.status,
        type=error.kind,
        **said,
    )


def _log_trouble(exchange: Exchange) -> None:
    """Which texts, and what was done about them; labels by their numbers. What could not be read has no length."""
    texts = iter(exchange.texts)
    sized = [None if isinstance(answer, Refusal) else next(texts) for answer in exchange.answers]
    found = [
        {"index": index, **({} if text is None else {"length": len(text), "hash": text_hash(text)}), **_told(answer)}
        for index, (text, answer) in enumerate(zip(sized, exchange.answers, strict=True))
        if _is_trouble(answer)
    ]
    log_event(
        "trouble", request_id=exchange.id, n_texts=len(exchange.answers), n_troubled=len(found), texts=found[:MOST]
    )


def _is_trouble(answer: AnyAnswer | Refusal) -> bool:
    return isinstance(answer, Refusal) or answer.action is not ServedAction.PASSED


def _told(answer: AnyAnswer | Refusal) -> dict[str, Any]:
    if isinstance(answer, Refusal):
        return {"action": answer.kind}
    if isinstance(answer, LabelsAnswer):
        return _told_of_labels(answer)
    told = {"action": str(answer.action), "undefended_label_id": answer.undefended.label_id}
    if answer.verdict is None:
        return told
    return told | {
        "defended_label_id": answer.verdict.defended.label_id,
        "verified": answer.verdict.verified,
        "p_value": answer.verdict.p_value,
        "n_suspects": len(answer.verdict.suspects),
    }


def _told_of_labels(answer: LabelsAnswer) -> dict[str, Any]:
    told = {"action": str(answer.action), "undefended_label_ids": list(answer.undefended.label_ids)}
    if answer.verdict is None:
        return told
    acted = [each.verdict for each in answer.decisions if each.verdict and each.action is not ServedAction.PASSED]
    return told | {
        "defended_label_ids": list(answer.verdict.defended.label_ids),
        "verified": answer.verdict.verified,
        "p_value": min(each.p_value for each in answer.verdict.decisions),
        "n_suspects": sum(len(each.suspects) for each in acted),
    }


def _raw(row: Mapping[str, Any]) -> dict[str, Any]:
    """Of a row that could not be read: how many fields, and length and hash of those that are text or bytes."""
    values = [bytes(value) if isinstance(value, bytearray) else value for value in row.values()]
    texts = [value for value in values if isinstance(value, str | bytes)]
    return {"n_fields": len(values), "fields": sizes(texts, most=MOST)["texts"]}
