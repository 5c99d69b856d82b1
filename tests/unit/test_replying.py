"""The third hook makes a reply's document, and its bytes, once."""

import json
from dataclasses import replace
from typing import Any

import pytest

from handler.answers import reply
from handler.answers.reply import Served
from handler.hooks import replying
from handler.page.visit import Visit
from handler.settings import Settings
from handler.wire.request import Request, Shape
from handler.wire.tensors import options_of
from handler.worker.stopwatch import Stopwatch
from tests.samples import a_verdict, an_exchange

TENSORS = Request(texts=("a cf film",), shape=Shape.INPUTS, explain=False, tensor_options=options_of({}))
TEXT = Request(texts=("a cf film",), shape=Shape.ONE, explain=False)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every document that becomes bytes; none is read again."""
    documents: list[Any] = []
    to_json = reply.to_json

    def write(document: Any) -> bytes:
        documents.append(document)
        return to_json(document)

    monkeypatch.setattr(reply, "to_json", write)
    monkeypatch.setattr(json, "loads", lambda *_, **__: 1 / 0)
    return documents


@pytest.mark.parametrize("detail", ["full", "verdict", "label"])
def test_each_reply_is_written_once_and_never_read(written: list[Any], detail: Any) -> None:
    exchanges = [an_exchange(request, a_verdict(acted=True)) for request in (TEXT, TENSORS, TEXT)]
    found = replying.reply_to(exchanges, Served("toy", None), Settings(detail=detail), Stopwatch())
    assert [exchange.reply.status for exchange in found] == [200] * 3
    assert len(written) == 3
    assert list(written[1]) == ["model_name", "outputs"]


def test_a_page_is_made_of_the_document_itself(written: list[Any]) -> None:
    visit = replace(an_exchange(TEXT, a_verdict(acted=True)), visit=Visit("a cf film"))
    (found,) = replying.reply_to([visit], Served("toy", None), Settings(), Stopwatch())
    assert found.reply.body.startswith(b"<!doctype html>")
    assert not written
