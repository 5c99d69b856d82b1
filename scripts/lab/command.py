"""The parts all commands share: parser, exit codes, and how an error reaches the terminal."""

import argparse
import logging
import re
import sys
from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Any, NoReturn

from handler.xgraad.errors import XGraadError


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    BELOW_TARGET = 1
    ERROR = 2
    USAGE = 4


class ActionParser(argparse.ArgumentParser):
    """An argument parser that leaves with `Exit.USAGE` on bad usage."""

    def error(self, message: str) -> NoReturn:
        """Print usage and the message, and leave with the usage exit code."""
        self.print_usage(sys.stderr)
        self.exit(Exit.USAGE, f"{self.prog}: error: {message}\n")


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


def run_command(
    parser: argparse.ArgumentParser, work: Callable[[argparse.Namespace], Any], argv: Sequence[str] | None
) -> int:
    """Parse `argv`, do `work`, and turn expected errors into one line and `Exit.ERROR`.

    `work` returns an exit code or None for done. Unexpected exceptions keep their traceback: they are bugs.
    """
    arguments = parser.parse_args(argv)
    logging.getLogger("transformers").setLevel(logging.ERROR)
    try:
        return int(work(arguments) or Exit.DONE)
    except (XGraadError, OSError) as error:
        sys.stderr.write(f"{parser.prog}: error: {error}\n")
        return Exit.ERROR
    except KeyboardInterrupt:
        sys.stderr.write(f"{parser.prog}: interrupted\n")
        return Exit.ERROR


def say(message: str) -> None:
    """Write one line for the person at the terminal."""
    sys.stdout.write(message + "\n")
    sys.stdout.flush()


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
