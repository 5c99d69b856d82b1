"""Requests to replies: all together while that goes well, one by one when it does not.

Judging runs a model that came from elsewhere on texts that came from elsewhere. When it raises, TorchServe would fail
the whole batch, and print the exception, which may hold a text. Here a fault costs nobody but its own request an
answer, and what that request gets is the operator's `on_error`.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from traceback import walk_tb
from typing import TypeVar

from handler.device_loss import require_device
from handler.policy import settle, undefended
from handler.refusal import Refusal
from handler.reply import Reply, refuse, reply
from handler.request import Request
from handler.settings import Settings
from handler.stopwatch import Stopwatch
from handler.xgraad import Defense, Verdict
from handler.xgraad.events import log_event
from handler.xgraad.prediction import predict

Result = TypeVar("Result")

FAILED = Refusal(
    status=500, kind="defense_failed", message="the text could not be judged, so there is no answer; see the log"
)

_PACKAGE = Path(__file__).parent


def answer(
    requests: Sequence[Request], defense: Defense, settings: Settings, stopwatch: Stopwatch | None = None
) -> list[Reply]:
    """One reply per request, in order. Raises nothing else that a text or a model can cause.

    Raises:
        DeviceLostError: this process will never answer anything again.
    """
    watch = stopwatch or Stopwatch()
    together = tried(lambda: _judged(requests, defense, settings, watch), f"a batch of {len(requests)} requests")
    return [_alone(request, defense, settings, watch) for request in requests] if together is None else together


def _alone(request: Request, defense: Defense, settings: Settings, stopwatch: Stopwatch) -> Reply:
    require_device(defense.classifier.device)
    found = tried(lambda: _judged([request], defense, settings, stopwatch), "a request alone")
    if found is None and settings.on_error == "fail_open":
        found = tried(lambda: [_plain(request, defense, settings)], "a request undefended")
    return found[0] if found else refuse(FAILED)


def _judged(requests: Sequence[Request], defense: Defense, settings: Settings, stopwatch: Stopwatch) -> list[Reply]:
    """The whole way from texts to bytes, so that a fault is caught wherever it happens."""
    with stopwatch("encode"):
        encodings = defense.encode([text for request in requests for text in request.texts])
    with stopwatch("judge"):
        verdicts = iter(defense.judge(encodings, [request.explain for request in requests for _ in request.texts]))
    with stopwatch("reply"):
        each = [(request, list(islice(verdicts, len(request.texts)))) for request in requests]
        return [_reply(request, own, settings) for request, own in each]


def _reply(request: Request, verdicts: Sequence[Verdict], settings: Settings) -> Reply:
    answers = settle(request, verdicts, settings.on_trigger)
    return reply(request, answers, settings.detail)._replace(verdicts=tuple(verdicts))


def _plain(request: Request, defense: Defense, settings: Settings) -> Reply:
    """The plain model's answers, marked as such."""
    encodings = defense.encode(request.texts)
    predictions = predict(defense.classifier.logits(encodings), defense.classifier.labels)
    answers = [
        undefended(prediction, truncated=encoding.truncated)
        for prediction, encoding in zip(predictions, encodings, strict=True)
    ]
    return reply(request, answers, settings.detail)


def tried(work: Callable[[], Result], what: str) -> Result | None:
    """What `work` returns, or None and a line in the log where it raises.

    Whoever tries again does so after this returned: the traceback keeps the failed attempt's tensors alive, and after
    an out-of-memory error nothing would fit beside them. The device's cache needs no emptying: the allocator does that
    itself before it gives up, and again when the next attempt needs the room.
    """
    try:
        return work()
    except Exception as error:  # Broad on purpose, here only: whatever went wrong, the neighbors want their answers.
        log_event("judging_failed", level=logging.ERROR, judged=what, type=type(error).__name__, place=_where(error))
        return None


def _where(error: Exception) -> str:
    """Our lines on the way to the fault, then the innermost of all. No exception's text, which may hold a user's."""
    frames = [(Path(frame.f_code.co_filename), line) for frame, line in walk_tb(error.__traceback__)]
    ours = [frame for frame in frames[:-1] if frame[0].is_relative_to(_PACKAGE)]
    return " > ".join(f"{path.name}:{line}" for path, line in [*ours[-8:], *frames[-1:]])
