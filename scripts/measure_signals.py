"""Measure what the paper's Figures 2 to 5 show of one victim: scores, a sweep, an ablation, attributions."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.console.command import CommandParser, positive, run_command, say
from scripts.console.errors import LabError
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import append_row
from scripts.texts.corpora import Example, TriggeredExample, read_examples, read_texts, read_triggered, split_file

EXAMPLES = """\
  python -m scripts.measure_signals --checkpoint build/victim --calibration build/victim/calibration.json \\
      --data data/sst2 --append results/signals.jsonl
  python -m scripts.measure_signals ... --limit 1000 --max-triggered 500      # more of it, slower
  python -m scripts.measure_signals ... --triggered build/lws/triggered.tsv.gz   # attacks that cannot be replayed"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="measure_signals", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder with attack.json")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--data", type=Path, required=True, help="folder with dev (for thresholds) and test")
    parser.add_argument("--triggered", type=Path, help="attacked texts (the record's attack on the clean test texts)")
    parser.add_argument("--limit", type=positive, default=300, help="use only the first N clean test texts (300)")
    parser.add_argument("--max-triggered", type=positive, default=300, help="use only the first N attacked texts (300)")
    parser.add_argument("--seed", type=int, default=0, help="of the triggers drawn and their places (0)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--append", type=Path, required=True, help="JSON lines file to append the row to")
    return run_command(parser, _measure, argv)


def _measure(arguments: argparse.Namespace) -> None:
    from handler.xgraad import Defense
    from scripts.lab.evaluation.signal_figures import measure_figures

    defense = Defense.load(arguments.checkpoint, arguments.device, "paper", calibration=arguments.calibration)
    record = attack_record(arguments.checkpoint)
    if not isinstance(record.get("target_label"), int):
        raise LabError(f"{arguments.checkpoint}: must hold an attack.json with a target_label")
    clean = read_examples(split_file(arguments.data, "test"), classes=defense.classifier.labels)[: arguments.limit]
    dev = read_texts(split_file(arguments.data, "dev"))
    figures = measure_figures(
        defense.classifier,
        defense.neutralize,
        calibration=defense.calibration,
        dev=dev[: defense.calibration.n_texts],
        clean=clean,
        attacked=_attacked(arguments, record, clean),
        target_label=record["target_label"],
    )
    architecture = defense.classifier.model.config.model_type
    origin = {"architecture": architecture, "dataset": record.get("data", arguments.data.name)}
    append_row(arguments.append, {**record, **origin, **figures, **provenance()})
    at_95 = figures["ablation"]["product"]
    say(f"{arguments.append}: undefended ASR {figures['undefended']['asr']:.3f}; at 95: {at_95['asr']:.3f}")


def _attacked(
    arguments: argparse.Namespace, record: dict[str, Any], clean: Sequence[Example]
) -> list[TriggeredExample]:
    """From the file, or made of the clean texts by the checkpoint's own attack."""
    import numpy as np

    from scripts.lab.attacks.replay import replay_attack
    from scripts.lab.evaluation.twins import attackable, known_twins

    if arguments.triggered:
        triggered = read_triggered(arguments.triggered)
    else:
        triggered = replay_attack(record, insertion="one").trigger(clean, rng=np.random.default_rng(arguments.seed))
    attacked = known_twins(attackable(triggered, record["target_label"]), clean)[: arguments.max_triggered]
    if not attacked:
        raise LabError(f"--limit {arguments.limit}: leaves no text to attack; raise it")
    return attacked


if __name__ == "__main__":
    raise SystemExit(main())
