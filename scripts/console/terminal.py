"""What reaches a terminal, a pipe or nobody: nothing that it cannot show, and no end of the work because it is gone."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from handler.page.hidden import is_hidden

KEPT = "\n\t"
"""Control characters that messages are laid out with."""


def printable(message: str) -> str:
    """A message without characters that a terminal would hide or obey: these are escaped."""
    return "".join(
        escape(character) if is_hidden(character) and character not in KEPT else character for character in message
    )


def escape(character: str) -> str:
    r"""A character as `\uXXXX`, or `\UXXXXXXXX` beyond the first plane."""
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def prepare_streams() -> None:
    """Let standard output and error take any text, in any encoding, even where they are closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by whoever started this
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (for the whole process)
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def reader_may_leave(stream: IO[str]) -> Iterator[None]:
    """Inside a block a reader like `head` may close the pipe; what comes after goes nowhere, and the work goes on."""
    try:
        yield
    except BrokenPipeError:
        discard(stream)


@contextmanager
def any_terminal() -> Iterator[None]:
    """A block whose output may go to a terminal of any encoding, to a pipe that closes, or nowhere at all."""
    prepare_streams()
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):  # at the latest possible moment, or Python complains at its own end
            try:
                stream.flush()
            except OSError:
                discard(stream)


def discard(stream: IO[str]) -> None:
    """Send what is still to be written to a stream nowhere, what waits in its buffer included."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
