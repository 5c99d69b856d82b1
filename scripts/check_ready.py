"""Is the server ready: are all workers READY, and does every model answer a canary? For probes and health checks.

TorchServe's /ping is no such thing: it says Healthy while models are loading, and while they cannot.
"""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command_line import CommandParser, Exit, say
from scripts.console.terminal import any_terminal
from scripts.serving.client import Client
from scripts.serving.readiness import CANARY, HealthProbe

EXAMPLES = """\
  python -m scripts.check_ready                      exit code 1 when it is not ready, with the reasons
  python -m scripts.check_ready --models sst2 --key-file build/serve/key_file.json --logs build/serve/logs
  python -m scripts.check_ready --alive              only what /ping says: for liveness, not for readiness"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code. Never raises for a server that is not there."""
    with any_terminal():
        return _check(build_parser().parse_args(argv))


def _check(arguments: argparse.Namespace) -> Exit:
    with Client(
        inference=arguments.inference,
        management=arguments.management,
        key_file=arguments.key_file if arguments.key_file and arguments.key_file.is_file() else None,
        timeout_s=arguments.timeout,
    ) as client:
        probe = HealthProbe(client=client, logs=arguments.logs)
        reasons = alive(probe) if arguments.alive else probe.not_ready(arguments.models, canary=arguments.canary)
    for reason in reasons:
        say(f"not ready: {reason}")
    if reasons:
        return Exit.BELOW_TARGET
    say("alive" if arguments.alive else "ready")
    return Exit.DONE


def build_parser() -> CommandParser:
    """The command line. Addresses may come from the environment, as containers set it."""
    parser = CommandParser(name="check_ready", description=__doc__ or "", examples=EXAMPLES)
    parser.add_argument("--models", nargs="+", default=[], metavar="NAME", help="default: all that are registered")
    parser.add_argument("--inference", type=address, default=_setting("INFERENCE", "http://127.0.0.1:8080"))
    parser.add_argument("--management", type=address, default=_setting("MANAGEMENT", "http://127.0.0.1:8081"))
    parser.add_argument("--key-file", type=Path, default=Path(_setting("KEY_FILE", "key_file.json")))
    parser.add_argument(
        "--logs", type=Path, default=Path(_setting("LOGS", "logs")), help="tell why a model fails to load"
    )
    parser.add_argument("--canary", default=CANARY, help="the text that each model must answer")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for one answer (10)")
    parser.add_argument("--alive", action="store_true", help="ask /ping only")
    return parser


def address(text: str) -> str:
    """Argument type: where an API listens."""
    if not text.startswith(("http://", "https://")):
        raise argparse.ArgumentTypeError(f"must begin with http:// or https://, got {text!r}")
    return text


def alive(probe: HealthProbe) -> list[str]:
    """The reason not to be, if there is one."""
    reason = probe.is_alive()
    return [reason] if reason else []


def _setting(name: str, default: str) -> str:
    return os.environ.get(f"XGRAAD_{name}", default)


if __name__ == "__main__":
    raise SystemExit(main())
