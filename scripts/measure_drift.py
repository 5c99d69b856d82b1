"""Measure whether the drift alarm tells other texts, and what a calibration is worth on them.

Each data set is a folder with dev, for what calibrations learn, and test, for figures. What is measured is what
`calibrate` fits on dev: the gate and the drift statistics; the rest of a calibration takes no part.
"""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handler.xgraad.options import DOMAIN_NAME
from scripts.console.command import CommandParser, positive, rate, run_command, say
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import append_row
from scripts.texts.corpora import read_texts, read_triggered, split_file

if TYPE_CHECKING:
    from handler.xgraad import Classifier
    from scripts.lab.evaluation.drift_figures import SeenTexts

EXAMPLES = """\
  python -m scripts.measure_drift --checkpoint build/victim --data data/sst2 --other data/imdb data/ag_news \\
      --append results/drift.jsonl
  python -m scripts.measure_drift ... --triggered build/victim/triggered.tsv.gz   # do domains help an attack?"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="measure_drift", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--data", type=Path, required=True, help="folder whose dev the model is calibrated on")
    parser.add_argument("--other", type=Path, required=True, nargs="+", help="folders of other domains")
    parser.add_argument("--triggered", type=Path, help="attacked texts of --data's domain")
    parser.add_argument("--limit", type=positive, default=1000, help="first N texts of each other file alone (1000)")
    parser.add_argument("--rounds", type=positive, default=20, help="orders in which the test texts come (20)")
    parser.add_argument("--splits", type=positive, default=20, help="calibrations to count false alarms of (20)")
    parser.add_argument("--seed", type=int, default=0, help="of the orders (0)")
    parser.add_argument("--max-fpr", type=rate, default=0.05, help="share of clean texts that may be flagged (0.05)")
    parser.add_argument("--max-length", type=positive, default=128, help="tokens kept of a text (128)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--append", type=Path, required=True, help="JSON lines file to append a row per data set to")
    return run_command(parser, with_models(_measure, "checkpoint"), argv)


def _measure(arguments: argparse.Namespace) -> None:
    from handler.xgraad import Classifier
    from scripts.lab.evaluation.drift_figures import Gates, alarm_figures, false_alarms, fitted_drift

    loading = {"device": arguments.device, "max_length": arguments.max_length}
    classifier = Classifier.load(arguments.checkpoint, **loading)
    folders = [arguments.data, *arguments.other]
    limits = [None, *[arguments.limit] * len(arguments.other)]
    clean, tested = (
        [_seen(folder, split, limit, classifier) for folder, limit in zip(folders, limits, strict=True)]
        for split in ("dev", "test")
    )
    drift = fitted_drift(clean[0])
    gates, same = Gates(clean, max_fpr=arguments.max_fpr), tested[0]
    common = {
        **attack_record(arguments.checkpoint),
        "calibrated_on": same.name,
        "n_calibration": len(clean[0].looks),
        "max_fpr": arguments.max_fpr,
        "max_length": arguments.max_length,
        "false_alarm_rate": drift.false_alarm_rate,
        "window": drift.window,
        "rounds": arguments.rounds,
        "seed": arguments.seed,
        **provenance(),
    }
    for texts in tested:
        alarms = alarm_figures(drift, same, texts, rounds=arguments.rounds, seed=arguments.seed)
        rates = gates.flag_rates(texts, of=texts.name)
        append_row(arguments.append, {"measured": "domain", "domain": texts.name, **rates, **alarms, **common})
        _tell(texts.name, rates, alarms)
    looks = [*clean[0].looks, *same.looks]
    many = false_alarms(looks, n_clean=len(clean[0].looks), splits=arguments.splits, seed=arguments.seed)
    append_row(arguments.append, {"measured": "false alarms", "domain": same.name, **common, **many})
    say(f"{same.name}: {many['alarm_share']:.2%} of {many['n_windows']} windows of many calibrations alarm")
    if arguments.triggered:
        texts = _attacked(arguments, classifier)
        rates = gates.flag_rates(texts, of=same.name)
        append_row(arguments.append, {"measured": "attacked", "domain": same.name, **rates, **common})
        _tell("attacked", rates, {})


def _seen(folder: Path, split: str, limit: int | None, classifier: "Classifier") -> "SeenTexts":
    from handler.xgraad.drift.drift_statistics import WINDOW
    from scripts.lab.evaluation.drift_figures import SeenTexts

    path = split_file(folder, split)
    texts = read_texts(path)[:limit]
    if len(texts) < WINDOW:
        raise LabError(f"{path}: must hold a window of {WINDOW} texts, holds {len(texts)}; add others")
    if not re.fullmatch(DOMAIN_NAME, folder.name):
        raise LabError(f"{folder}: its name must be a domain's: letters, digits, dots, dashes, underscores; rename it")
    return SeenTexts.of(folder.name, texts, classifier)


def _attacked(arguments: argparse.Namespace, classifier: "Classifier") -> "SeenTexts":
    from scripts.lab.evaluation.drift_figures import SeenTexts

    texts = [example.text for example in read_triggered(arguments.triggered)[: arguments.limit]]
    return SeenTexts.of("attacked", texts, classifier)


def _tell(name: str, rates: dict[str, float], alarms: dict[str, float]) -> None:
    shares = ", ".join(f"{way} {rates[f'flagged_{way}']:.2%}" for way in ("stale", "pooled", "own", "nearest"))
    alarmed = f"; {alarms['alarm_share']:.1%} of {alarms['n_windows']} windows alarm" if alarms.get("n_windows") else ""
    area = f", AUROC {alarms['auroc']:.3f}" if "auroc" in alarms else ""
    say(f"{name}: flagged {shares}{alarmed}{area}")


if __name__ == "__main__":
    raise SystemExit(main())
