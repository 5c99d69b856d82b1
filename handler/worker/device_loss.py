"""Whether the device still works, and the end of the worker where it does not.

After some faults (an assertion that failed on a GPU, an address that does not exist) a device answers nothing that this
process asks any more. Judging the texts one by one, or by the plain model, is no way out then, and a
worker that goes on would fail every request until somebody looks. Only another process can use the device again:
the server starts one when this one ends, and answers the batch with an error that tells clients to ask again.
"""

import logging
import os
import sys
from typing import NoReturn

import torch

from handler.xgraad.events import log_event


class DeviceLostError(Exception):
    """The device answers nothing any more."""


def require_device(device: torch.device) -> None:
    """Let the device add two numbers, which waits for whatever it was asked before.

    Not for the CPU, which is there as long as we are. A lack of memory is no loss: it passes.

    Raises:
        DeviceLostError: it cannot.
    """
    if device.type == "cpu":
        return
    try:
        torch.ones(1, device=device).add(1).item()
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and "out of memory" not in str(error):
            raise DeviceLostError(f"{device} does not answer: {type(error).__name__}") from error


def end_worker(error: DeviceLostError) -> NoReturn:
    """Say so and end this process at once; the ordinary way out of the interpreter would wait for the device."""
    log_event("device_lost", level=logging.CRITICAL, message=str(error), consequence="this worker ends")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
