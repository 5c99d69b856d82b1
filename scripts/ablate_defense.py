"""Measure what each part of the rule `verified` is worth: tests, gate, neutralizer, candidates, registry."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from handler.xgraad import Defense
from scripts.lab.ablation import Bench
from scripts.lab.attacks.replay import replay_attack
from scripts.lab.command import CommandParser, Exit, positive, run_command, say
from scripts.lab.corpora import Example, TriggeredExample, read_examples, read_texts, split_file
from scripts.lab.evaluation import Judge, evaluate
from scripts.lab.metrics import auroc, true_positive_rate_at
from scripts.lab.provenance import attack_record, provenance
from scripts.lab.results import append_row

EXAMPLES = """\
  python -m scripts.ablate_defense --checkpoint build/victim --calibration build/victim/calibration.json \\
      --data data/sst2 --append results/ablation.jsonl
  python -m scripts.ablate_defense ... --groups gate decision --max-triggered 300    # less of it, faster"""

GROUPS = ("gate", "decision", "neutralizer", "candidates", "gate_share")
CLEAN_SHARES = (0.05, 0.1, 0.2)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="ablate_defense", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder with attack.json")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--data", type=Path, required=True, help="folder with dev (for a trend) and test")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS, help="what to vary (everything)")
    parser.add_argument("--limit", type=positive, help="use only the first N clean test texts")
    parser.add_argument("--max-triggered", type=positive, help="use only the first N attacked texts")
    parser.add_argument("--seed", type=int, default=0, help="of the triggers drawn and their places (0)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--append", type=Path, required=True, help="JSON lines file to append the rows to")
    return run_command(parser, _ablate, argv)


def _ablate(arguments: argparse.Namespace) -> Exit:
    defense = Defense.load(arguments.checkpoint, arguments.device, calibration=arguments.calibration)
    bench = Bench(defense.classifier, defense.calibration)
    record = attack_record(arguments.checkpoint)
    clean = read_examples(split_file(arguments.data, "test"), classes=defense.classifier.labels)[: arguments.limit]
    attack = replay_attack(record, insertion="one")
    triggered = attack.trigger(clean, rng=np.random.default_rng(arguments.seed))[: arguments.max_triggered]
    dev = read_texts(split_file(arguments.data, "dev"))
    origin = record | {"n_clean": len(clean), "n_triggered": len(triggered)}
    if "gate" in arguments.groups:
        for row in _gate_rows(bench, clean, triggered, dev):
            append_row(arguments.append, {**origin, **row, **provenance()})
    measured: dict[Judge, dict[str, Any]] = {}
    for group, name, judge in bench.arms():
        if group not in arguments.groups:
            continue
        if judge not in measured:
            measured[judge] = evaluate(judge, clean=clean, triggered=triggered, target_label=record["target_label"])
        figures = measured[judge]
        append_row(arguments.append, {**origin, "group": group, "arm": name, **figures, **provenance()})
        say(f"{group}: {name}: ASR {figures['asr_defended']:.4f}, CACC {figures['cacc_defended']:.4f}")
    return Exit.DONE


def _gate_rows(
    bench: Bench, clean: Sequence[Example], triggered: Sequence[TriggeredExample], dev: Sequence[str]
) -> list[dict[str, object]]:
    """For each feature the share of attacked texts that pass where a given share of clean ones does."""
    trend = bench.gradient_trend(dev)
    of_clean = bench.gate_features([example.text for example in clean], trend)
    of_triggered = bench.gate_features([example.text for example in triggered], trend)
    return [
        {
            "group": "gate",
            "arm": name,
            "auroc": auroc(of_clean[name], of_triggered[name]),
            "passes": {
                f"{share:g}": true_positive_rate_at(of_clean[name], of_triggered[name], share) for share in CLEAN_SHARES
            },
        }
        for name in of_clean
    ]


if __name__ == "__main__":
    raise SystemExit(main())
