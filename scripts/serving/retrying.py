"""Which answers are worth asking again for, and how often.

A prediction changes nothing that a second one would notice, so it may be asked for twice. TorchServe answers whatever a
worker was busy with when it died or was scaled down with 500 or 507, and 503 where the queue is full; a request that
still waited for its batch to fill gets no answer at all. The handler's own errors are about the request, or come back.
"""

import time
from collections.abc import Callable
from typing import Any

from scripts.console.errors import LabError

PAUSE_S = 0.25
"""Before the second attempt; twice as long before each further one."""
PASSING = frozenset({"InternalServerException", "ServiceUnavailableException"})
"""TorchServe's names for what a worker or a queue is going through; the handler has names of its own."""
PASSING_GRPC = frozenset({"grpc INTERNAL", "grpc UNAVAILABLE", "grpc RESOURCE_EXHAUSTED", "grpc DEADLINE_EXCEEDED"})
UNKNOWN_MODEL = "Model not found"
"""In gRPC an INTERNAL error like any other."""


class NoAnswerError(LabError):
    """Nothing came back, or not in time."""


def may_pass(document: Any) -> bool:
    """Whether a document tells of an error that the next attempt may not meet."""
    error = document.get("error") if isinstance(document, dict) else None
    if not isinstance(error, dict):
        return False
    kind, message = error.get("type"), str(error.get("message"))
    return kind in PASSING or (kind in PASSING_GRPC and not message.startswith(UNKNOWN_MODEL))


def asked_again(ask: Callable[[], Any], *, retries: int, sleep: Callable[[float], None] = time.sleep) -> Any:
    """The first document that `ask` returns without an error that may pass; the last one when there is none.

    Raises:
        NoAnswerError: neither the last attempt had an answer.
    """
    for attempt in range(retries):
        try:
            document = ask()
        except NoAnswerError:
            pass
        else:
            if not may_pass(document):
                return document
        sleep(PAUSE_S * 2**attempt)
    return ask()
