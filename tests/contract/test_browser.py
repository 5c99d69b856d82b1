"""The page in a real Chromium: what is typed stays text, the style is applied, and the policy stops the rest.

A small server stands between the browser and the handler, as TorchServe's frontend does, so that the browser's own
headers and its own form encoding reach the handler.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from urllib.parse import parse_qsl

import pytest

from tests.browser import Browser, find_browser
from tests.contract.service_in_process import Field, Worker, unpacked
from tests.contract.test_policies import Staged

pytestmark = pytest.mark.timeout(240)

HOSTILE = (
    "a <script>document.title='owned'</script> <img src=/beacon onerror=\"document.title='owned'\"> "
    "</textarea></p><svg onload=\"document.title='owned'\"> c\u200bf \u202edrawkcab cf"
)
INJECTED = b"""<script>document.title = 'owned'</script><img src="/beacon"><p style="color: red">x</p></body>"""
SUBMIT = """<!doctype html><meta charset="utf-8"><form method="post" action="/explanations/toy">
<textarea name="text">%s</textarea></form><script>document.forms[0].submit()</script>"""


class Frontend(BaseHTTPRequestHandler):
    """TorchServe's part: rows from requests, and replies back."""

    worker: Worker
    submitted = ""
    """What the page at `/submit` types into a form and posts."""
    injected = b""
    """Goes into every page, as if the page's own escaping had failed."""
    with_policy = True
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/submit":
            text = self.submitted.replace("&", "&amp;").replace("<", "&lt;")
            self.send(200, "text/html", {}, (SUBMIT % text).encode())
        elif self.path == "/explanations/toy":
            self.serve([Field(b"", content_type="text/plain")])
        else:
            self.send(404, "text/plain", {}, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.serve([Field(value.encode(), name) for name, value in parse_qsl(body, keep_blank_values=True)])

    def serve(self, fields: list[Field]) -> None:
        (answer,) = self.worker({"fields": fields, "headers": {**self.headers, "explain": "True", "url_path": ""}})
        page = answer.body.replace(b"</body>", self.injected or b"</body>")
        self.send(answer.status, answer.content_type, answer.headers if self.with_policy else {}, page)

    def send(self, status: int, content_type: str, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": content_type} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""


@contextmanager
def frontend(worker: Worker, **attributes: object) -> Iterator[tuple[str, type[Frontend]]]:
    """A server for one browser; its address and what it was asked."""
    made = type("Made", (Frontend,), {"worker": worker, "asked": [], **attributes})
    with ThreadingHTTPServer(("127.0.0.1", 0), made) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", made
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    return find_browser(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def worker(
    browser: Browser,
    checkpoints: dict[str, Path],
    torchserve: SimpleNamespace,
    tmp_path_factory: pytest.TempPathFactory,
) -> Worker:
    folder = tmp_path_factory.mktemp("models") / "toy"
    worker = Worker(unpacked(checkpoints["bert"], folder, max_chars=400), torchserve)
    worker.handler.defense = Staged(worker.handler.defense)  # type: ignore[assignment]
    return worker


def test_the_page_opens_with_its_style_and_without_complaint(browser: Browser, worker: Worker) -> None:
    with frontend(worker) as (address, _):
        seen = browser.open(f"{address}/explanations/toy")
    assert "<title>Explain a text · toy</title>" in seen.dom
    assert "Content Security Policy" not in seen.log


def test_a_posted_text_stays_text(browser: Browser, worker: Worker) -> None:
    with frontend(worker, submitted=HOSTILE) as (address, server):
        seen = browser.open(f"{address}/submit")
    assert "<title>Trigger found · toy</title>" in seen.dom
    assert "&lt;script&gt;" in seen.dom
    assert "<script" not in seen.dom
    assert "<img" not in seen.dom
    assert ">ZWSP</abbr>" in seen.dom
    assert ">RLO</abbr>" in seen.dom
    assert "/beacon" not in server.asked
    assert "Content Security Policy" not in seen.log


def test_an_error_keeps_the_text(browser: Browser, worker: Worker) -> None:
    with frontend(worker, submitted="too <long> " * 50) as (address, _):
        seen = browser.open(f"{address}/submit")
    assert "<title>The text is too long · toy</title>" in seen.dom
    assert "too &lt;long&gt; too &lt;long&gt;" in seen.dom


@pytest.mark.parametrize("with_policy", [True, False])
def test_the_policy_stops_what_escaping_would_let_through(browser: Browser, worker: Worker, with_policy: bool) -> None:
    """Without the policy the same page is taken over: the sanity arm."""
    with frontend(worker, injected=INJECTED, with_policy=with_policy) as (address, server):
        seen = browser.open(f"{address}/explanations/toy")
    assert ("<title>owned</title>" in seen.dom) != with_policy
    assert ("/beacon" in server.asked) != with_policy
    assert ("Content Security Policy" in seen.log) == with_policy
