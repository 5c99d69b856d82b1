"""Make the tables of the README files anew from results/*.jsonl."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command import CommandParser, Exit, run_command, say
from scripts.tables.readme_tables import update_readme

EXAMPLES = """\
  python -m scripts.update_readme
  python -m scripts.update_readme --check       # exit code 1 when a table is out of date"""

PAGES = tuple(Path(folder, "README.md") for folder in ("", "deploy", "deploy/ray", "handler", "results", "scripts"))


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="update_readme", description=__doc__, examples=EXAMPLES)
    parser.add_argument("pages", type=Path, nargs="*", default=PAGES, help="files to rewrite (all README files)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of JSON lines (results)")
    parser.add_argument("--check", action="store_true", help="write nothing, only compare")
    return run_command(parser, _update, argv)


def _update(arguments: argparse.Namespace) -> Exit:
    outdated = [page for page in arguments.pages if not _update_page(page, arguments)]
    if not arguments.check:
        return Exit.DONE
    for page in outdated:
        say(f"{page}: out of date; run python -m scripts.update_readme")
    return Exit.BELOW_TARGET if outdated else Exit.DONE


def _update_page(page: Path, arguments: argparse.Namespace) -> bool:
    """Rewrite one page unless only checking; whether it was up to date before."""
    before = page.read_text(encoding="utf-8")
    after = update_readme(before, arguments.results)
    if not arguments.check:
        page.write_text(after, encoding="utf-8")
    return before == after


if __name__ == "__main__":
    raise SystemExit(main())
