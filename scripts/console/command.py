"""How a command does its work and how an error reaches the terminal; with the parts of `command_line`."""

import argparse
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any

from handler.xgraad.errors import XGraadError
from scripts.console.command_line import (
    ActionParser,
    CommandParser,
    Exit,
    complain,
    device_ids,
    positive,
    rate,
    say,
    sha256,
)
from scripts.console.errors import LabError
from scripts.console.terminal import any_terminal

__all__ = [
    "ActionParser",
    "Command",
    "CommandParser",
    "Exit",
    "device_ids",
    "positive",
    "rate",
    "run_command",
    "run_step",
    "say",
    "sha256",
]

Command = Callable[[Sequence[str]], int]
"""Options of the command line to an exit code."""


def run_command(
    parser: argparse.ArgumentParser, work: Callable[[argparse.Namespace], Any], argv: Sequence[str] | None
) -> int:
    """Parse `argv`, do `work`, and turn expected errors into one line and `Exit.ERROR`.

    `work` returns an exit code or None for done. Unexpected exceptions keep their traceback: they are bugs.
    """
    with any_terminal():
        arguments = parser.parse_args(argv)
        logging.getLogger("transformers").setLevel(logging.ERROR)
        try:
            return int(work(arguments) or Exit.DONE)
        except (LabError, XGraadError, OSError) as error:
            complain(f"{parser.prog}: error: {error}")
            return Exit.ERROR
        except KeyboardInterrupt:
            complain(f"{parser.prog}: interrupted")
            return Exit.ERROR


def run_step(command: Command, codes: Collection[int] = (Exit.DONE,), /, **options: object) -> None:
    """Do in this process what a user would type, and show it.

    Args:
        command: the `main` of a script.
        codes: exit codes that are as good as any.
        options: by name; those that are None are left to the command, those that are True are flags, and those that
            are tuples take several values.

    Raises:
        LabError: it ended with another exit code.
    """
    typed = [part for name, value in options.items() if value is not None for part in _typed(name, value)]
    say(f"\n$ python -m {command.__module__} {' '.join(typed)}")
    code = command(typed)
    if code not in codes:
        raise LabError(f"{command.__module__} ended with exit code {code}")


def _typed(name: str, value: object) -> list[str]:
    values = () if value is True else value if isinstance(value, tuple) else (value,)
    return [f"--{name.replace('_', '-')}", *map(str, values)]
