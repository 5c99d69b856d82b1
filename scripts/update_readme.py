"""Make the README's tables anew from results/*.jsonl."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.lab.command import CommandParser, Exit, run_command, say
from scripts.lab.readme_tables import update_readme

EXAMPLES = """\
  python -m scripts.update_readme
  python -m scripts.update_readme --check       # exit code 1 when a table is out of date"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="update_readme", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--readme", type=Path, default=Path("README.md"), help="file to rewrite (README.md)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of JSON lines (results)")
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    return run_command(parser, _update, argv)


def _update(arguments: argparse.Namespace) -> Exit:
    before = arguments.readme.read_text(encoding="utf-8")
    after = update_readme(before, arguments.results)
    if arguments.check:
        say(
            "up to date" if before == after else f"{arguments.readme}: out of date; run python -m scripts.update_readme"
        )
        return Exit.DONE if before == after else Exit.BELOW_TARGET
    arguments.readme.write_text(after, encoding="utf-8")
    return Exit.DONE


if __name__ == "__main__":
    raise SystemExit(main())
