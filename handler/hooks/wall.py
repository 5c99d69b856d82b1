"""The wall around what the hooks do: all together while that goes well, one by one when it does not.

Judging runs a model that came from elsewhere on texts that came from elsewhere. When it raises, a server would fail
the whole batch, and print the exception, which may hold a text. Here a fault costs nobody but its own request an
answer, and what that request gets is the operator's `on_error`.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from traceback import walk_tb
from typing import TypeVar

import torch

from handler.hooks.exchange import Exchange
from handler.worker.device_loss import require_device
from handler.xgraad.events import log_event

Result = TypeVar("Result")
Work = Callable[[Sequence[Exchange]], list[Exchange]]

_PACKAGE = Path(__file__).parents[1]


def through(
    exchanges: Sequence[Exchange],
    work: Work,
    device: torch.device,
    otherwise: Callable[[Exchange], Exchange] = Exchange.failed,
) -> list[Exchange]:
    """The same exchanges, after `work` on those that wait for an answer.

    Args:
        exchanges: a batch.
        work: makes of some exchanges as many that know more; may raise.
        device: on which it works.
        otherwise: makes the best of an exchange with which it fails alone.

    Raises:
        DeviceLostError: this process will never answer anything again.
    """
    waiting = [exchange for exchange in exchanges if exchange.waits]
    done = tried(lambda: work(waiting), f"a batch of {len(waiting)} requests")
    if done is None:
        done = [_alone(exchange, work, device) or otherwise(exchange) for exchange in waiting]
    rest = iter(done)
    return [next(rest) if exchange.waits else exchange for exchange in exchanges]


def _alone(exchange: Exchange, work: Work, device: torch.device) -> Exchange | None:
    require_device(device)
    done = tried(lambda: work([exchange]), "a request alone")
    return done[0] if done else None


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
