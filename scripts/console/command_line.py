"""The parts all commands share: parser, exit codes, argument types. Imports nothing that takes time: probes use it."""

import argparse
import re
import sys
from enum import IntEnum
from typing import NoReturn

from scripts.console.terminal import printable, reader_may_leave


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    BELOW_TARGET = 1
    ERROR = 2
    INCONCLUSIVE = 3
    USAGE = 4


class ActionParser(argparse.ArgumentParser):
    """An argument parser that leaves with `Exit.USAGE` on bad usage."""

    def error(self, message: str) -> NoReturn:
        """Print usage and the message, and leave with the usage exit code."""
        self.print_usage(sys.stderr)
        complain(f"{self.prog}: error: {message}")
        self.exit(Exit.USAGE)


class CommandParser(ActionParser):
    """The parser of a command: it keeps its examples' line breaks."""

    def __init__(self, *, name: str, description: str, examples: str) -> None:
        super().__init__(
            prog=f"python -m scripts.{name}",
            description=description,
            epilog=f"examples:\n{examples}\n\nexit codes: 0 done, 1 below target, 2 error, 4 usage",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )


def say(message: str) -> None:
    """Write one line for the person at the terminal."""
    with reader_may_leave(sys.stdout):
        sys.stdout.write(printable(message) + "\n")
        sys.stdout.flush()


def note(message: str) -> None:
    """Write one line beside the output: what was done on the way that somebody may want to know."""
    complain(f"note: {message}")


def complain(message: str) -> None:
    """Write one line beside the output, where errors go."""
    with reader_may_leave(sys.stderr):
        sys.stderr.write(printable(message) + "\n")


def rate(text: str) -> float:
    """Argument type: a share strictly between 0 and 1."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"must be between 0 and 1, got {text}")
    return value


def positive(text: str) -> int:
    """Argument type: a whole number from 1 up."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {text}")
    return value


def sha256(text: str) -> str:
    """Argument type: a SHA-256 digest in hexadecimal."""
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"must be 64 hexadecimal digits, got {len(text)} characters")
    return text.lower()


def device_ids(text: str) -> tuple[int, ...]:
    """Argument type: CUDA device numbers with commas between them."""
    parts = text.split(",")
    if not all(part.isdecimal() for part in parts) or len(set(parts)) != len(parts):
        raise argparse.ArgumentTypeError(f"must be different numbers like 0,1, got {text!r}")
    return tuple(int(part) for part in parts)
