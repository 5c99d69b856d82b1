"""The third hook: the operator's policy, then the document of a reply, then its bytes, for a program or a person."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from handler.answers.policy import settle
from handler.answers.reply import Content, Reply, Served, as_json, content_of, refused
from handler.hooks.exchange import Exchange
from handler.hooks.wall import tried
from handler.page.page import CONTENT_TYPE, HEADERS, blank_page, page
from handler.page.visit import Visit
from handler.settings import Settings
from handler.worker.stopwatch import Stopwatch


def reply_to(exchanges: Sequence[Exchange], served: Served, settings: Settings, stopwatch: Stopwatch) -> list[Exchange]:
    """The exchanges with their answers and replies."""
    with stopwatch("reply"):
        return [tried(partial(_replied, each, served, settings), "a reply") or each.failed() for each in exchanges]


def _replied(exchange: Exchange, served: Served, settings: Settings) -> Exchange:
    if exchange.refusal:
        return _sent(exchange, refused(exchange.refusal), served, settings)
    if exchange.request is None:  # a page without a text
        body = blank_page(served.name, settings, takes_pairs=served.takes_pairs)
        return replace(exchange, reply=Reply(body, content_type=CONTENT_TYPE, headers=HEADERS))
    answers = exchange.request.in_order(settle(exchange.judged, settings))
    content = content_of(exchange.request, answers, settings.detail, served)
    return _sent(replace(exchange, answers=tuple(answers)), content, served, settings)


def _sent(exchange: Exchange, content: Content, served: Served, settings: Settings) -> Exchange:
    shown = _on_page(exchange.visit, content, served, settings) if exchange.visit else as_json(content)
    return replace(exchange, reply=shown)


def _on_page(visit: Visit, content: Content, served: Served, settings: Settings) -> Reply:
    body = page(visit.text, content.document, model=served.name, settings=settings, second=visit.second)
    return Reply(body, content.error, CONTENT_TYPE, HEADERS)
