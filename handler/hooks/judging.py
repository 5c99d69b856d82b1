"""The second hook: a verdict on every text, or where the defense fails and the operator wants it, the plain model's."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import Any

from handler.answers.policy import Judged, Unjudged
from handler.hooks.exchange import Exchange, shared_out
from handler.hooks.wall import through, tried
from handler.settings import Settings
from handler.worker.stopwatch import Stopwatch
from handler.xgraad import Verdict
from handler.xgraad.labels_defense import AnyDefense
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.multilabel.labels_verdict import LabelsPrediction, LabelsVerdict


def judge(
    exchanges: Sequence[Exchange], defense: AnyDefense, settings: Settings, stopwatch: Stopwatch
) -> list[Exchange]:
    """The exchanges with what was found in their texts; those that can neither be judged nor answered are refused.

    Raises:
        DeviceLostError: see `through`.
    """
    otherwise = partial(_opened, defense=defense) if settings.on_error == "fail_open" else Exchange.failed
    with stopwatch("judge"):
        return through(exchanges, partial(_judged, defense=defense), defense.classifier.device, otherwise)


def _judged(exchanges: Sequence[Exchange], defense: AnyDefense) -> list[Exchange]:
    encodings = [encoding for exchange in exchanges for encoding in exchange.encodings]
    explain = [exchange.explain for exchange in exchanges for _ in exchange.encodings]
    verdicts: Sequence[Verdict | LabelsVerdict] = defense.judge(encodings, explain)
    for verdict, is_explained in zip(verdicts, explain, strict=True):
        _require_numbers(verdict if is_explained else verdict.without_words())
    return [replace(exchange, judged=own) for exchange, own in shared_out(verdicts, exchanges)]


def _opened(exchange: Exchange, defense: AnyDefense) -> Exchange:
    return tried(lambda: _undefended(exchange, defense), "a request undefended") or exchange.failed()


def _undefended(exchange: Exchange, defense: AnyDefense) -> Exchange:
    predictions: Sequence[Prediction | LabelsPrediction] = defense.undefended(exchange.encodings)
    found = tuple(
        Unjudged(undefended=prediction, truncated=encoding.truncated)
        for prediction, encoding in zip(predictions, exchange.encodings, strict=True)
    )
    for each in found:
        _require_numbers(each)
    return replace(exchange, judged=found)


def _require_numbers(judged: Judged) -> None:
    """Let nothing pass that compares with nothing, and that JSON does not have, at whatever level of detail.

    Raises:
        ValueError: a score is none.
    """
    if not all(map(math.isfinite, _floats(judged))):
        raise ValueError("a score is not a number")


def _floats(value: Any) -> Iterator[float]:
    """All that stand anywhere in a record."""
    if isinstance(value, float):
        yield value
    elif is_dataclass(value):
        yield from _floats([getattr(value, field.name) for field in fields(value)])
    elif isinstance(value, Mapping):
        yield from _floats(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _floats(each)
