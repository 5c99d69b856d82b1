"""A browser at `/explanations/<model>`: which rows come from one, what they ask, and the page they get.

A page is asked for where a person would: at the address of explanations, by an `Accept` that prefers HTML, with an
empty body or with the page's own form. Everything else gets JSON. A visit is judged like any other request, and its
page is made of the JSON that a client would have got.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handler.answering import FAILED, tried
from handler.charset import without_mark
from handler.fields import BODY_FIELDS
from handler.framing import FORMS
from handler.page import CONTENT_TYPE, HEADERS, blank_page, page
from handler.reply import Reply, refuse
from handler.request import Shape
from handler.settings import Settings

Row = Mapping[str, Any]
Headers = Mapping[str, str]

_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)")


@dataclass(frozen=True)
class Visit:
    """One call of the page."""

    typed: bytes | str | None
    """What the form holds; None where the page is only opened."""

    @property
    def text(self) -> str:
        """What is typed, as far as it can be read."""
        typed = self.typed or ""
        return without_mark(typed if isinstance(typed, str) else typed.decode("utf-8", errors="replace"))


def visit(row: Row, headers: Headers) -> Visit | None:
    """The visit that a row is; None for a client that wants JSON."""
    if headers.get("explain", "").lower() != "true" or not prefers_html(headers.get("accept", "")):
        return None
    if not any(row.values()) and set(row) <= {*BODY_FIELDS}:
        return Visit(None)
    typed = row.get(Shape.ONE)
    is_form = headers.get("content-type", "").lower().startswith(FORMS)
    if not is_form or set(row) != {Shape.ONE} or not isinstance(typed, bytes | bytearray | str):
        return None
    if isinstance(typed, str):
        return Visit(typed.replace("\r\n", "\n"))
    return Visit(bytes(typed).replace(b"\r\n", b"\n"))


def asked(row: Row, headers: Headers, settings: Settings) -> tuple[Row, Headers]:
    """The row and the headers to judge: a visitor asks for as much as the operator's `detail` tells.

    Browsers send a form's line breaks as two characters; nobody typed the first.
    """
    found = visit(row, headers)
    if found is None:
        return row, headers
    return {Shape.ONE.value: found.typed or ""}, {**headers, "explain": str(settings.detail == "full")}


def shown(row: Row, headers: Headers, reply: Reply, *, model: str, settings: Settings) -> Reply:
    """The reply as its client wants it: a page for a visitor, and what it is for everybody else."""
    found = visit(row, headers)
    if found is None:
        return reply
    return tried(lambda: _page(found, reply, model=model, settings=settings), "a page") or refuse(FAILED)


def prefers_html(accept: str) -> bool:
    """Whether HTML is the first of the types that an `Accept` header wants most."""
    ranges = [(part.partition(";")[0].strip().lower(), _weight(part)) for part in accept.split(",")]
    most = max(weight for _, weight in ranges)
    first = next(kind for kind, weight in ranges if weight == most)
    return first == "text/html" and most > 0


def _weight(part: str) -> float:
    found = _WEIGHT.search(part)
    return float(found[1]) if found else 1.0


def _page(found: Visit, reply: Reply, *, model: str, settings: Settings) -> Reply:
    if found.typed is None:
        return Reply(200, blank_page(model, settings), content_type=CONTENT_TYPE, headers=HEADERS)
    body = page(found.text, json.loads(reply.body), model=model, settings=settings)
    return Reply(reply.status, body, content_type=CONTENT_TYPE, headers=HEADERS)
