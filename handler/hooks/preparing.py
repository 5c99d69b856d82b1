"""The first hook: rows to requests, and their texts to what a model reads."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from handler.hooks.exchange import Exchange, shared_out
from handler.hooks.wall import through, tried
from handler.page.visit import visit_of
from handler.refusal import Refusal
from handler.settings import Settings
from handler.wire.request import parse_row
from handler.worker.stopwatch import Stopwatch
from handler.xgraad.labels_defense import AnyDefense
from handler.xgraad.words.long_text import windows_of


def prepare(
    exchanges: Sequence[Exchange], defense: AnyDefense, settings: Settings, stopwatch: Stopwatch
) -> list[Exchange]:
    """The exchanges with their requests and encodings, or with refusals.

    Raises:
        DeviceLostError: see `through`.
    """
    with stopwatch("parse"):
        parse = partial(_parsed, settings=settings, takes_pairs=defense.takes_pairs)
        parsed = [tried(partial(parse, each), "a row") or each.failed() for each in exchanges]
    with stopwatch("encode"):
        encoded = through(parsed, partial(_encoded, defense=defense), defense.classifier.device)
        return [_within(each, settings.max_texts) for each in encoded]


def _parsed(exchange: Exchange, settings: Settings, takes_pairs: bool) -> Exchange:
    if exchange.refusal:  # its server could not take it apart
        return exchange
    visit = visit_of(exchange.row, exchange.headers)
    if visit and visit.typed is None:
        return replace(exchange, visit=visit)
    row, headers = visit.asks(exchange.headers, settings) if visit else (exchange.row, exchange.headers)
    found = parse_row(row, headers, settings, exchange.types, takes_pairs=takes_pairs)
    if isinstance(found, Refusal):
        return replace(exchange, visit=visit, refusal=found)
    return replace(exchange, visit=visit, request=found)


def _encoded(exchanges: Sequence[Exchange], defense: AnyDefense) -> list[Exchange]:
    encodings = defense.encode([text for exchange in exchanges for text in exchange.texts])
    return [replace(exchange, encodings=own) for exchange, own in shared_out(encodings, exchanges)]


def _within(exchange: Exchange, most: int) -> Exchange:
    """The same, refused where its texts are more windows of the model than as many texts would be: neighbors wait.

    A text alone is bounded by the calibration's `max_windows`.
    """
    n_windows = sum(len(windows_of(encoding)) for encoding in exchange.encodings)
    if n_windows <= most or len(exchange.encodings) == 1:
        return exchange
    rule = f"{most} windows of the model are allowed in all, got {n_windows}; send fewer or shorter texts"
    return replace(exchange, refusal=Refusal(status=413, kind="too_long", message=f"the request: {rule}"))
