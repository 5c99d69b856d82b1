"""Measure all that needs a GPU, in the minutes that there is one: tests, costs, memory, kernels, and some attacks.

Everything is made here, texts and a model of BERT-base's shape; nothing is downloaded and no server is started. Rows go
to files named as those in results/, each as soon as it is there.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command import CommandParser, Exit, positive, run_command, say
from scripts.console.errors import LabError
from scripts.results.provenance import provenance
from scripts.results.rows import append_row

EXAMPLES = """\
  python -m scripts.measure_card --out build/card                                       # make gpu: eight minutes
  python -m scripts.measure_card --out build/rehearsal --device cpu --size tiny         # every step, without a card
  cat build/card/speed.jsonl >> results/speed.jsonl                                     # and the others alike"""
SIZES = ("base", "tiny")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="measure_card", description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for what is made and for the rows, new or empty"
    )
    parser.add_argument("--minutes", type=positive, default=8, help="after which nothing is begun any more (8)")
    parser.add_argument("--device", default="cuda", help="cpu, cuda or cuda:N (cuda)")
    parser.add_argument("--size", choices=SIZES, default="base", help="of the model and of what is measured (base)")
    return run_command(parser, _measure, argv)


def _measure(arguments: argparse.Namespace) -> Exit:
    from scripts.lab.card.parts import Bench, all_parts, rows_written
    from scripts.lab.card.sizes import SIZES as EVERY
    from scripts.lab.card.timetable import outcomes
    from scripts.lab.cost.speed import device_name

    deadline = time.monotonic() + 60 * arguments.minutes
    out: Path = arguments.out
    _require_device(arguments.device)
    if out.exists() and any(out.iterdir()):
        raise LabError(f"--out must be a new or empty folder, {out} is not; name another")
    out.mkdir(parents=True, exist_ok=True)
    where = {"device": arguments.device, "device_name": device_name(arguments.device), "size": arguments.size}
    failed = False
    for found in outcomes(all_parts(Bench(out, EVERY[arguments.size], arguments.device)), deadline):
        append_row(out / "card.jsonl", {**found._asdict(), **where, **provenance()})
        say(f"\n== {found.part}: {found.outcome} {found.reason} ({found.seconds:.0f} s)")
        failed |= found.outcome == "failed"
    say("\n".join(map(str, rows_written(out))))
    return Exit.BELOW_TARGET if failed else Exit.DONE


def _require_device(name: str) -> None:
    import torch

    if name != "cpu" and not torch.cuda.is_available():
        raise LabError(f"--device is {name}, but torch finds no GPU here; pass --device cpu --size tiny to rehearse")


if __name__ == "__main__":
    raise SystemExit(main())
