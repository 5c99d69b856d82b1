"""A browser at `/explanations/<model>`: which rows come from one, and what they ask.

A page is asked for where a person would: at the address of explanations, by an `Accept` that prefers HTML, with an
empty body or with the page's own form. Everything else gets JSON. A visit is judged like any other request, and its
page is made of the JSON that a client would have got.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handler.settings import Settings
from handler.wire.charset import without_mark
from handler.wire.fields import BODY_FIELDS, PAIR_FIELD
from handler.wire.framing import FORMS
from handler.wire.request import Shape

Row = Mapping[str, Any]
Headers = Mapping[str, str]

_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)")


@dataclass(frozen=True)
class Visit:
    """One call of the page."""

    typed: bytes | str | None
    """What the form holds; None where the page is only opened."""
    paired: bytes | str | None = None
    """What its second box holds; None where there is one box."""

    @property
    def text(self) -> str:
        """What is typed, as far as it can be read."""
        return _readable(self.typed or "")

    @property
    def second(self) -> str | None:
        """The same of the second box."""
        return None if self.paired is None else _readable(self.paired)

    def asks(self, headers: Headers, settings: Settings) -> tuple[Row, Headers]:
        """The row and the headers to judge: a visitor asks for as much as the operator's `detail` tells."""
        row = {Shape.ONE.value: self.typed or ""} | ({} if self.paired is None else {PAIR_FIELD: self.paired})
        return row, {**headers, "explain": str(settings.detail == "full")}


def visit_of(row: Row, headers: Headers) -> Visit | None:
    """The visit that a row is; None for a client that wants JSON.

    Browsers send a form's line breaks as two characters; nobody typed the first.
    """
    if headers.get("explain", "").lower() != "true" or not prefers_html(headers.get("accept", "")):
        return None
    if not any(row.values()) and set(row) <= {*BODY_FIELDS}:
        return Visit(None)
    is_form = headers.get("content-type", "").lower().startswith(FORMS)
    is_ours = set(row) in ({Shape.ONE}, {Shape.ONE, PAIR_FIELD})
    if not is_form or not is_ours or not all(isinstance(typed, bytes | bytearray | str) for typed in row.values()):
        return None
    return Visit(_typed(row[Shape.ONE]), _typed(row[PAIR_FIELD]) if PAIR_FIELD in row else None)


def _typed(value: bytes | bytearray | str) -> bytes | str:
    return value.replace("\r\n", "\n") if isinstance(value, str) else bytes(value).replace(b"\r\n", b"\n")


def _readable(typed: bytes | str) -> str:
    return without_mark(typed if isinstance(typed, str) else typed.decode("utf-8", errors="replace"))


def prefers_html(accept: str) -> bool:
    """Whether HTML is the first of the types that an `Accept` header wants most."""
    ranges = [(part.partition(";")[0].strip().lower(), _weight(part)) for part in accept.split(",")]
    most = max(weight for _, weight in ranges)
    first = next(kind for kind, weight in ranges if weight == most)
    return first == "text/html" and most > 0


def _weight(part: str) -> float:
    found = _WEIGHT.search(part)
    return float(found[1]) if found else 1.0
