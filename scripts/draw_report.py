"""Draw the tables and figures of the paper beside what was measured here: one page, and each figure as SVG and PNG."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command import CommandParser, run_command, say
from scripts.console.errors import LabError
from scripts.results.provenance import provenance

EXAMPLES = """\
  python -m scripts.draw_report                       # results/ to build/report/report.html
  python -m scripts.draw_report --results results --out build/report"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="draw_report", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of JSON lines (results)")
    parser.add_argument("--out", type=Path, default=Path("build/report"), help="folder to write (build/report)")
    return run_command(parser, _draw, argv)


def _draw(arguments: argparse.Namespace) -> None:
    from scripts.lab.report.drawing import draw_report

    if not arguments.results.is_dir():
        raise LabError(f"--results {arguments.results}: must be a folder of JSON lines")
    page = draw_report(arguments.results, arguments.out, origin=provenance())
    say(f"{page}: {page.stat().st_size // 1024} kB, and {len(list(arguments.out.glob('*.svg')))} figures beside it")


if __name__ == "__main__":
    raise SystemExit(main())
