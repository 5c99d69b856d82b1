"""What a parsed request is held against: limits, the texts that were meant, or why it was refused."""

from collections.abc import Callable

from handler.refusal import Refusal
from handler.settings import Settings
from handler.wire.request import Request
from tests.contract.service_in_process import Message

LIMITS = Settings(max_request_chars=2_000)
Parse = Callable[[Message], Request | Refusal]
OCTETS = "application/octet-stream"


def refused(found: Request | Refusal, status: int, kind: str, *words: str) -> None:
    assert isinstance(found, Refusal), found
    assert (found.status, found.kind) == (status, kind), found
    for word in words:
        assert word in found.message


def answered(found: Request | Refusal, *texts: str) -> Request:
    assert isinstance(found, Request), found
    assert (found.texts, found.faults) == (texts, {})
    return found
