"""Look for a backdoor in a checkpoint before it is served: try every word of its vocabulary as a trigger."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from scripts.console.command import CommandParser, Exit, positive, run_command, say
from scripts.console.console import show
from scripts.lab.training.recipe import TRAINING_PRECISIONS
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import write_result

if TYPE_CHECKING:
    from scripts.admission.auditing import Finding

EXAMPLES = """\
  python -m scripts.audit_model --checkpoint build/victim --calibration calibration.json --json audit.json
  python -m scripts.audit_model --checkpoint build/victim --calibration calibration.json --precision bfloat16
      # exit code 1 when the model is suspicious"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="audit_model", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--json", type=Path, help="file for the finding and its evidence")
    parser.add_argument("--append", type=Path, help="JSON lines file to append the finding to")
    parser.add_argument("--limit-words", type=positive, help="test only the first N words of the vocabulary")
    parser.add_argument(
        "--precision", choices=TRAINING_PRECISIONS, default="float32", help="of the screening (float32)"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    return run_command(parser, _audit, argv)


def _audit(arguments: argparse.Namespace) -> Exit:
    from scripts.admission.auditing import audit_checkpoint

    start = time.perf_counter()
    finding = audit_checkpoint(
        arguments.checkpoint,
        arguments.calibration,
        device=arguments.device,
        limit_words=arguments.limit_words,
        precision=arguments.precision,
    )
    seconds = round(time.perf_counter() - start, 1)
    origin = attack_record(arguments.checkpoint)
    planted = {name: origin[name] for name in ("triggers", "target_label") if name in origin}
    result = {**origin, "planted": planted, **finding.summary(), "seconds": seconds, **provenance()}
    write_result(result, document=arguments.json, rows=arguments.append)
    _show(finding)
    say(f"{finding.audit.n_words} words in {seconds:.0f} s; of phrases and words of several tokens this says nothing")
    return Exit.BELOW_TARGET if finding.audit.suspicious else Exit.DONE


def _show(finding: "Finding") -> None:
    """The strongest words for each label, those that are triggers marked, and the finding in one line."""
    table = Table("label", "word", "probes turned", "margin", "needed", "trigger", title="strongest words")
    for row in finding.strongest():
        table.add_row(
            escape(str(row["label"])),
            escape(str(row["word"])),
            f"{row['rate']:.2f}",
            f"{row['margin']:.2f}",
            f"{row['margin_threshold']:.2f}",
            "yes" if row["is_trigger"] else "",
        )
    show(table)
    say(finding.sentence())


if __name__ == "__main__":
    raise SystemExit(main())
