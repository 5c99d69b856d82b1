"""Measure what each part of the rule `verified` is worth: tests, gate, neutralizer, candidates, registry."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.console.command import CommandParser, Exit, positive, run_command, say
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import append_row
from scripts.texts.corpora import Example, TriggeredExample, read_examples, split_file
from scripts.texts.model_classes import model_classes

if TYPE_CHECKING:
    from scripts.lab.evaluation.ablation import Bench
    from scripts.lab.evaluation.evaluation import Judge

EXAMPLES = """\
  python -m scripts.ablate_defense --checkpoint build/victim --calibration build/victim/calibration.json \\
      --data data/sst2 --append results/ablation.jsonl
  python -m scripts.ablate_defense ... --groups gate decision --max-triggered 300    # less of it, faster"""

GROUPS = ("gate", "reference", "candidates", "decision", "neutralizer", "gate_share")
CLEAN_SHARES = (0.05, 0.1, 0.2)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="ablate_defense", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder with attack.json")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--data", type=Path, required=True, help="folder with test")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS, help="what to vary (everything)")
    parser.add_argument("--limit", type=positive, help="use only the first N clean test texts")
    parser.add_argument("--max-triggered", type=positive, help="use only the first N attacked texts")
    parser.add_argument("--seed", type=int, default=0, help="of the triggers drawn and their places (0)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--append", type=Path, required=True, help="JSON lines file to append the rows to")
    return run_command(parser, _ablate, argv)


def _ablate(arguments: argparse.Namespace) -> Exit:
    import numpy as np

    from scripts.lab.attacks.replay import replay_attack
    from scripts.lab.evaluation.evaluation import evaluate

    bench = _bench(arguments)
    record = attack_record(arguments.checkpoint)
    clean = read_examples(split_file(arguments.data, "test"), classes=model_classes(arguments.checkpoint))
    clean = clean[: arguments.limit]
    attack = replay_attack(record, insertion="one")
    triggered = attack.trigger(clean, rng=np.random.default_rng(arguments.seed))[: arguments.max_triggered]
    origin = record | {"n_clean": len(clean), "n_triggered": len(triggered)}
    if "gate" in arguments.groups:
        for row in _gate_rows(bench, clean, triggered):
            append_row(arguments.append, {**origin, **row, **provenance()})
    measured: dict[Judge, dict[str, Any]] = {}
    for group, name, judge in bench.arms():
        if group not in arguments.groups:
            continue
        if judge not in measured:
            measured[judge] = evaluate(judge, clean=clean, triggered=triggered, target_label=record["target_label"])
        figures = measured[judge]
        append_row(arguments.append, {**origin, "group": group, "arm": name, **figures, **provenance()})
        say(f"{group}: {name}: cold ASR {figures['asr_cold']:.4f}, CACC {figures['cacc_defended']:.4f}")
    return Exit.DONE


def _bench(arguments: argparse.Namespace) -> "Bench":
    """The rule as it is served, and its references one by one."""
    from handler.xgraad import Calibration, NoRegistry, VerifiedOptions
    from handler.xgraad.editing.neutralizer import make_neutralizer
    from handler.xgraad.options import DEFAULT_KEY, DEFAULT_NEUTRALIZER
    from handler.xgraad.rules.verified_rule import VerifiedParts
    from handler.xgraad.verification.reference import LabelReference
    from scripts.lab.evaluation.ablation import Bench

    calibration = Calibration.read(arguments.calibration)
    classifier = calibration.load_classifier(arguments.checkpoint, device=arguments.device)
    trusted = calibration.load_trusted(arguments.calibration, device=arguments.device)
    parts = VerifiedParts.of(
        classifier,
        calibration,
        trusted=trusted,
        neutralize=make_neutralizer(DEFAULT_NEUTRALIZER, classifier.encode, key=DEFAULT_KEY),
        options=VerifiedOptions(),
        registry=NoRegistry(),
    )
    return Bench(parts, labels=LabelReference(calibration.labels.tied(), parts.transplant), trusted=trusted)


def _gate_rows(
    bench: "Bench", clean: Sequence[Example], triggered: Sequence[TriggeredExample]
) -> list[dict[str, object]]:
    """For each choice of channels the share of attacked texts that pass where a given share of clean ones does."""
    from scripts.lab.evaluation.metrics import auroc, true_positive_rate_at

    of_clean = bench.p_values([example.text for example in clean])
    of_triggered = bench.p_values([example.text for example in triggered])
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
