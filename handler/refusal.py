"""Why a request, or one of its texts, gets no answer: a value for its client, and the error that carries it out."""

from dataclasses import dataclass
from typing import Any

_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a row cannot be judged; the message never holds the client's text."""

    status: int
    kind: str
    message: str


FAILED = Refusal(
    status=500, kind="defense_failed", message="the text could not be judged, so there is no answer; see the log"
)


class RefusedError(Exception):
    """Carries a refusal out of the depth of parsing; `parse_row` lets none of them out."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(status=status, kind=kind, message=message)


def json_type(value: Any) -> str:
    """The JSON name of a value's type, for messages."""
    return _KINDS.get(type(value), "null" if value is None else "something else")
