"""The page through the real `ts.service.Service`: who gets it, with which status, and who goes on getting JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import handler.hooks.replying
from handler.page.page import HEADERS
from tests.contract.service_in_process import (
    EXPLAIN,
    GOOD,
    MANY,
    Answer,
    Field,
    Message,
    Worker,
    post,
    request,
    unpacked,
)
from tests.contract.test_policies import TRIGGERED, Staged, same
from tests.pages import ReadPage
from tests.toys import SENTENCES

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
FORM = "application/x-www-form-urlencoded"
HTML = "text/html; charset=utf-8"
Make = Callable[..., Worker]


def opened(**headers: str) -> Message:
    """What a browser's GET becomes."""
    return request(Field(b"", content_type="text/plain"), **{"explain": "True", "Accept": BROWSER} | headers)


def typed(text: str | bytes, **headers: str) -> Message:
    """What the page's form becomes."""
    value = text.encode() if isinstance(text, str) else text
    given = {"explain": "True", "Accept": BROWSER, "Content_Type": FORM} | headers
    return request(Field(value, "text"), **given)


@pytest.fixture
def make(checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path: Path) -> Make:
    def make_worker(**section: Any) -> Worker:
        worker = Worker(unpacked(checkpoints["bert"], tmp_path / "toy", max_chars=400, **section), torchserve)
        worker.handler.defense = Staged(worker.handler.defense)  # type: ignore[assignment]
        return worker

    return make_worker


def read(answer: Answer) -> ReadPage:
    """The page, which must have come as one."""
    assert answer.content_type == HTML
    assert answer.headers.items() >= dict(HEADERS).items()
    return ReadPage(answer.body)


def test_a_browser_gets_a_box_and_then_an_explanation(make: Make) -> None:
    worker = make()
    blank, explained, as_json = worker(
        opened(), typed("the plot is thin cf"), post({"text": "the plot is thin cf"}, explain="True")
    )
    assert [answer.status for answer in (blank, explained, as_json)] == [200] * 3
    assert read(blank).typed == ""
    shown = read(explained)
    defense = as_json.document["defense"]
    assert (shown.text, shown.typed, shown.blamed) == ("the plot is thin cf", "the plot is thin cf", ["cf"])
    assert shown.changed == defense["neutralized_text"]
    assert "Trigger found" in shown.words
    assert f"With it the model says {defense['undefended']['label']}" in shown.words
    assert "toy" in shown.words


@pytest.mark.parametrize("message", [GOOD, EXPLAIN, MANY, TRIGGERED], ids=["good", "explain", "many", "triggered"])
def test_neighbors_of_a_page_get_their_json(make: Make, message: Message) -> None:
    worker = make()
    (alone,) = worker(message)
    among = worker(opened(), message, typed("a cf film"), typed(" "), post(b"{"), typed(b"\xff"))
    assert [answer.status for answer in among] == [200, 200, 200, 422, 400, 400]
    assert [answer.content_type == HTML for answer in among] == [True, False, True, True, False, True]
    assert same(alone, among[1])
    assert not {name.lower() for name in among[1].headers} & {name.lower() for name, _ in HEADERS}


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/json", "application/json, text/html", "text/html;q=0.5, application/json", "text/*",
     "text/html;q=0", "text/plain,text/html", "text/html;q=0.9,*/*", "application/xhtml+xml,text/html", ",", ";q=1"],
)  # fmt: skip
def test_who_does_not_ask_for_html_first_gets_json(make: Make, accept: str) -> None:
    worker = make()
    by_form, by_get = worker(typed("the plot", Accept=accept), opened(Accept=accept))
    assert (by_form.status, by_form.content_type) == (200, "application/json")
    assert "explanation" in by_form.document
    assert (by_get.status, by_get.document["error"]["type"]) == (422, "empty")


@pytest.mark.parametrize("accept", [BROWSER, "text/html", "TEXT/HTML;level=1 , */*", "a/b;q=0.3, text/html; q=0.7"])
def test_who_asks_for_html_first_gets_the_page(make: Make, accept: str) -> None:
    for answer in make()(opened(Accept=accept), typed("the plot", accept=accept, Accept=accept)):
        assert answer.content_type == HTML


def test_json_and_other_addresses_stay_json_whatever_is_accepted(make: Make) -> None:
    browser = {"Accept": BROWSER}
    found = make()(
        post({"text": "the plot"}, explain="True", **browser),
        post({"text": "the plot"}, **browser),
        typed("the plot", explain="False"),
        request(Field(b'["the plot"]', "texts"), Content_Type=FORM, explain="True", **browser),
        request(Field(b"the plot", content_type="text/plain"), explain="True", Content_Type="text/plain", **browser),
    )
    assert [(answer.status, answer.content_type) for answer in found] == [(200, "application/json")] * 5


@pytest.mark.parametrize(
    ("text", "kind", "kept"),
    [
        ("a" * 401, "too_long", "a" * 401),
        ("  \n ", "empty", "  \n "),
        ("", "empty", ""),
        (b"a\xff<b>", "invalid_utf8", "a\ufffd<b>"),
    ],
)
def test_an_error_has_its_status_and_keeps_the_text(make: Make, text: str | bytes, kind: str, kept: str) -> None:
    on_page, as_json = make()(typed(text), typed(text, Accept="*/*"))
    assert as_json.document["error"]["type"] == kind
    assert on_page.status == as_json.status >= 400
    shown = read(on_page)
    assert f"(Status {as_json.status}, {kind})" in shown.words
    assert shown.typed == kept


def test_line_breaks_are_those_that_were_typed(make: Make) -> None:
    (answer,) = make()(typed("the plot\r\nis thin"))
    assert read(answer).text == read(answer).typed == "the plot\nis thin"


@pytest.mark.parametrize("detail", ["verdict", "label"])
def test_below_full_the_page_tells_what_a_prediction_tells(make: Make, detail: str) -> None:
    worker = make(detail=detail)
    on_page, clean, as_json = worker(typed("a cf film"), typed("a film"), post({"text": "a cf film"}))
    assert [answer.status for answer in (on_page, clean, as_json)] == [200] * 3
    shown = read(on_page)
    assert as_json.document["label"] in shown.words
    assert "svg" not in shown.tags
    assert "%" not in shown.words
    assert ("Trigger found" in shown.words) == (shown.blamed == ["cf"]) == (detail == "verdict")
    assert "keeps its scores to itself" in shown.words
    (withheld,) = worker(typed("a cf film", Accept="*/*"))
    assert withheld.status == 403


def test_a_blocked_text_is_refused_on_the_page(make: Make) -> None:
    blocked, good = make(on_trigger="block")(typed("a cf film"), typed("a film"))
    assert (blocked.status, good.status) == (422, 200)
    shown = read(blocked)
    assert "This text is refused" in shown.words
    assert (shown.text, shown.typed) == (None, "a cf film")


@pytest.mark.parametrize("on_trigger", ["annotate", "abstain"])
def test_the_policy_is_told(make: Make, on_trigger: str) -> None:
    (answer,) = make(on_trigger=on_trigger)(typed("a cf film"))
    assert {"annotate": "only reports", "abstain": "it is withheld"}[on_trigger] in read(answer).words


@pytest.mark.parametrize(("on_error", "status"), [("fail_closed", 500), ("fail_open", 200)])
def test_a_text_that_cannot_be_judged(make: Make, on_error: str, status: int) -> None:
    (answer,) = make(on_error=on_error)(typed("the plot boom"))
    assert answer.status == status
    assert "The text could not be judged" in read(answer).words


def test_a_page_that_fails_costs_nobody_else_an_answer(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = make()
    monkeypatch.setattr(handler.hooks.replying, "page", lambda *_, **__: 1 / 0)
    failed, good = worker(typed(SENTENCES[0]), GOOD)
    assert (failed.status, good.status) == (500, 200)
    assert failed.document["error"]["type"] == "defense_failed"


def test_the_status_line_is_ascii(make: Make) -> None:
    (answer,) = make()(typed("x" * 401, Accept="text/html"))
    assert answer.phrase.isascii()
    assert json.dumps(answer.headers).isascii()
