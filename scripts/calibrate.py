"""Calibrate the defense of a checkpoint on clean texts of your own."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from handler.xgraad.precision import DEFAULT_PRECISION, DTYPES
from handler.xgraad.thresholds import PAPER_PERCENTILE
from scripts.lab.calibrating import calibrate_checkpoint
from scripts.lab.command import CommandParser, positive, rate, run_command, say
from scripts.lab.corpora import read_samples
from scripts.lab.model_classes import model_classes
from scripts.lab.reading import Reading, add_reading_options

EXAMPLES = """\
  python -m scripts.calibrate --checkpoint build/victim --data clean.tsv --max-fpr 0.05 --out calibration.json
  python -m scripts.calibrate --checkpoint build/albert --data dev.tsv.gz --percentile 65 --out calibration.json"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="calibrate", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder (config.json, model.safetensors)")
    parser.add_argument("--data", type=Path, required=True, help="clean texts: TSV, CSV, JSON lines or one a line")
    parser.add_argument("--max-fpr", type=rate, default=0.05, help="share of clean texts that may be flagged (0.05)")
    parser.add_argument("--out", type=Path, required=True, help="calibration file to write")
    parser.add_argument("--percentile", type=float, default=PAPER_PERCENTILE, help="of the rule `paper` (95)")
    parser.add_argument("--max-length", type=positive, help="tokens to look at (256 or what the model holds)")
    parser.add_argument("--limit", type=positive, help="use only the first N texts")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument(
        "--precision", choices=DTYPES, default=DEFAULT_PRECISION, help="of the model as it will be served (float32)"
    )
    add_reading_options(parser)
    return run_command(parser, _calibrate, argv)


def _calibrate(arguments: argparse.Namespace) -> None:
    classes = model_classes(arguments.checkpoint)
    samples = read_samples(arguments.data, Reading.from_arguments(arguments), classes=classes)
    texts = [sample.text for sample in samples][: arguments.limit]
    calibration = calibrate_checkpoint(
        arguments.checkpoint,
        texts,
        max_fpr=arguments.max_fpr,
        percentile=arguments.percentile,
        max_length=arguments.max_length,
        device=arguments.device,
        precision=arguments.precision,
    )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(calibration.to_json(), encoding="utf-8")
    paper = calibration.paper
    say(f"{arguments.out}: {calibration.n_texts} texts, {calibration.n_truncated} of them truncated")
    say(f"rule paper: flagged above {paper.threshold:.3f} (percentile {paper.percentile:g})")
    say(f"rule conformal: at most {calibration.max_fpr:g} of clean texts flagged, whatever their length")
    bars = calibration.verification
    say(
        "rule verified: a trigger turns more of the probes than clean words do: "
        f"{bars.single:.2f} alone, {bars.new_single:.2f} where these texts do not have the word, "
        f"{bars.together:.2f} as a set, {bars.jointly:.2f} among several"
    )


if __name__ == "__main__":
    raise SystemExit(main())
