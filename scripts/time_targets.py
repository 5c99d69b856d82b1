"""Run make targets in a fresh clone of the last commit and record how long they take."""

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command import CommandParser, Exit, run_command, say
from scripts.lab.cost.fresh_clone import run_targets
from scripts.results.provenance import provenance
from scripts.results.rows import append_row

EXAMPLES = """\
  python -m scripts.time_targets demo test
  python -m scripts.time_targets demo test --append results/targets.jsonl"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="time_targets", description=__doc__, examples=EXAMPLES)
    parser.add_argument("targets", nargs="+", help="make targets, in order; the first one also makes .venv")
    parser.add_argument("--append", type=Path, help="JSON lines file to append to")
    return run_command(parser, _time, argv)


def _time(arguments: argparse.Namespace) -> Exit:
    passed, made = True, provenance()  # of the commit that is cloned: the rows below are no change of it
    with tempfile.TemporaryDirectory(prefix="clone-") as folder:
        for run in run_targets(Path.cwd(), Path(folder, "clone"), arguments.targets):
            say(f"make {run.target}: {'passed' if run.passed else 'FAILED'} in {run.seconds:.0f} s\n{run.last_lines}")
            passed = passed and run.passed
            row = {"target": run.target, "passed": run.passed, "seconds": run.seconds, "n_cores": os.cpu_count()}
            if arguments.append:
                append_row(arguments.append, row | made)
    return Exit.DONE if passed else Exit.BELOW_TARGET


if __name__ == "__main__":
    raise SystemExit(main())
