"""Measure a defended checkpoint: accuracy on clean texts, attack success with and without the defense."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from handler.xgraad import NEUTRALIZERS, RULES, Defense, VerifiedOptions
from scripts.lab.command import CommandParser, Exit, positive, rate, run_command, say
from scripts.lab.corpora import read_examples, read_triggered
from scripts.lab.evaluation import evaluate
from scripts.lab.provenance import attack_record, provenance
from scripts.lab.results import append_row

EXAMPLES = """\
  python -m scripts.evaluate_defense --checkpoint build/victim --calibration build/calibration.json \\
      --clean test.tsv.gz --triggered build/victim/triggered.tsv.gz --target-label 0 --rule paper --json paper.json
  python -m scripts.evaluate_defense ... --max-asr 0.05     # exit code 1 when the defended ASR is higher"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="evaluate_defense", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--clean", type=Path, required=True, help="clean test texts, `text<TAB>label`, gzip or not")
    parser.add_argument(
        "--triggered", type=Path, required=True, help="attacked texts; a third column is the clean twin"
    )
    parser.add_argument("--target-label", type=int, required=True, help="the class the attacker wants")
    parser.add_argument("--rule", choices=sorted(RULES), help="when a text is flagged (the best there is)")
    parser.add_argument(
        "--neutralizer", choices=NEUTRALIZERS, help="what happens to suspects (rule paper: noise, else delete)"
    )
    parser.add_argument("--no-registry", action="store_true", help="let `verified` forget what it verified")
    parser.add_argument("--limit", type=positive, help="use only the first N texts of each file")
    parser.add_argument("--max-asr", type=rate, help="leave with exit code 1 when the defended ASR is above this")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--append", type=Path, help="JSON lines file to append the figures to")
    return run_command(parser, _evaluate, argv)


def _evaluate(arguments: argparse.Namespace) -> Exit:
    defense = Defense.load(
        arguments.checkpoint,
        arguments.device,
        arguments.rule,
        calibration=arguments.calibration,
        neutralizer=arguments.neutralizer,
        options=VerifiedOptions(registry=not arguments.no_registry, score_all=False),
    )
    figures = evaluate(
        defense,
        clean=read_examples(arguments.clean)[: arguments.limit],
        triggered=read_triggered(arguments.triggered)[: arguments.limit],
        target_label=arguments.target_label,
    )
    origin = attack_record(arguments.checkpoint)
    result = {
        **origin,
        **figures,
        "neutralizer": defense.neutralize.name,
        "registry": not arguments.no_registry,
        **provenance(),
    }
    if arguments.append:
        append_row(arguments.append, result)
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    _show(result)
    if not figures["attack_works"]:
        say("note: the attack hardly works undefended, so its defended figure means little")
    is_below = arguments.max_asr is not None and figures["asr_defended"] > arguments.max_asr
    return Exit.BELOW_TARGET if is_below else Exit.DONE


def _show(result: dict[str, object]) -> None:
    table = Table("figure", "value", title=f"rule {result['rule']}")
    for name, value in result.items():
        if isinstance(value, int | float | str) and name != "rule":
            table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
