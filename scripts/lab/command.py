"""How a command does its work and how an error reaches the terminal; with the parts of `command_line`."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Any

from handler.xgraad.errors import XGraadError
from scripts.lab.command_line import ActionParser, CommandParser, Exit, device_ids, positive, rate, say, sha256

__all__ = ["ActionParser", "CommandParser", "Exit", "device_ids", "positive", "rate", "run_command", "say", "sha256"]


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
