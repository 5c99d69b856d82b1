"""Calibrate the defense of a checkpoint on clean texts of your own."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from handler.xgraad.files.precision import DEFAULT_PRECISION, PRECISIONS
from handler.xgraad.options import MOST_WINDOWS, PAPER_PERCENTILE, USUAL_MAX_WINDOWS
from scripts.console.command import CommandParser, positive, rate, run_command, say
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.lab.training.recipe import TRAINING_PRECISIONS
from scripts.texts.reading import ReadingOptions, add_reading_options

if TYPE_CHECKING:
    from handler.xgraad import Calibration

EXAMPLES = """\
  python -m scripts.calibrate --checkpoint build/victim --data clean.tsv --max-fpr 0.05 --out calibration.json
  python -m scripts.calibrate --checkpoint build/albert --data dev.tsv.gz --percentile 65 --out calibration.json
  python -m scripts.calibrate --checkpoint build/victim --data shards --text-column review --out calibration.json
  python -m scripts.calibrate --checkpoint build/victim --data reviews.tsv --windows --max-windows 8 \\
      --out calibration.json      # for a server that looks at all of a long text
  HF_HUB_OFFLINE=0 python -m scripts.calibrate --checkpoint someone/model@main --data someone/texts@main/dev \\
      --out calibration.json      # from the hub, of which only data is fetched: no pickle, no code
  python -m scripts.calibrate ... --by source      # a domain for each name in that column"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="calibrate", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--data", type=Path, required=True, help="clean texts, better with labels: see below")
    parser.add_argument("--max-fpr", type=rate, default=0.05, help="share of clean texts that may be flagged (0.05)")
    parser.add_argument("--out", type=Path, required=True, help="calibration file to write")
    parser.add_argument("--percentile", type=float, default=PAPER_PERCENTILE, help="of the rule `paper` (95)")
    parser.add_argument("--max-length", type=positive, help="tokens to look at (256 or what the model holds)")
    parser.add_argument("--windows", action="store_true", help="for a server that looks at long texts in windows")
    parser.add_argument("--stride", type=positive, help="tokens that two windows share (a quarter of --max-length)")
    parser.add_argument("--max-windows", type=positive, help=f"of one text ({USUAL_MAX_WINDOWS})")
    parser.add_argument("--limit", type=positive, help="use only the first N texts")
    parser.add_argument(
        "--allow-untested",
        action="append",
        default=[],
        metavar="LABEL",
        help="name or number of a label with too few texts to be tested; its replies say so; may be repeated",
    )
    domains = parser.add_mutually_exclusive_group()
    domains.add_argument(
        "--by", metavar="COLUMN", help="that names each text's domain; each is held against its own clean texts"
    )
    domains.add_argument(
        "--domains",
        type=positive,
        default=1,
        metavar="N",
        help="made by clustering, where no column tells (1)",
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument(
        "--precision", choices=PRECISIONS, default=DEFAULT_PRECISION, help="of the model as it will be served (float32)"
    )
    parser.add_argument(
        "--trusted-base",
        metavar="BASE",
        help="encoder whose publisher you trust, a folder or NAME@REVISION: becomes the reference (the labels alone)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the reference's training (0)")
    parser.add_argument(
        "--training-precision",
        choices=TRAINING_PRECISIONS,
        default="float32",
        help="of the reference's training (float32)",
    )
    add_reading_options(parser)
    return run_command(parser, with_models(_calibrate, "checkpoint", "trusted_base"), argv)


def _calibrate(arguments: argparse.Namespace) -> None:
    from scripts.lab.training.calibrating import CalibrationOptions, calibrate_checkpoint
    from scripts.lab.training.reference_training import TrustedBase
    from scripts.packing.untested import untested_line
    from scripts.texts.corpora import read_samples
    from scripts.texts.model_classes import class_named, model_classes

    classes = model_classes(arguments.checkpoint)
    untested = tuple(class_named(label, classes, option="--allow-untested") for label in arguments.allow_untested)
    samples = read_samples(arguments.data, ReadingOptions.from_arguments(arguments), classes=classes)[: arguments.limit]
    base = arguments.trusted_base
    calibration = calibrate_checkpoint(
        arguments.checkpoint,
        samples,
        out=arguments.out,
        options=CalibrationOptions(
            max_fpr=arguments.max_fpr,
            percentile=arguments.percentile,
            max_length=arguments.max_length,
            precision=arguments.precision,
            untested=untested,
            n_domains=arguments.domains,
            max_windows=_max_windows(arguments),
            stride=arguments.stride,
        ),
        device=arguments.device,
        trusted=TrustedBase(name=base, seed=arguments.seed, precision=arguments.training_precision) if base else None,
    )
    paper = calibration.paper
    seen = f" (a window of each, of {plan.max_windows} at most)" if (plan := calibration.windows) else ""
    say(f"{arguments.out}: {calibration.n_texts} texts{seen}, {calibration.n_truncated} of them truncated")
    say(f"rule paper: flagged above {paper.threshold:.3f} (percentile {paper.percentile:g})")
    say(f"rule conformal: at most {calibration.max_fpr:g} of clean texts flagged, whatever their length")
    bars = calibration.verification
    alone, together = _each(bars.single), _each(bars.together)
    say(f"rule verified: a trigger is stronger in clean texts than {alone} alone, {together} as a set, by label")
    say(f"screen: {len(calibration.inert.ids())} words of the vocabulary turn no short text by themselves")
    say(_drift_line(calibration))
    if line := untested_line(calibration.untested, classes):
        say(line)
    if (trusted := calibration.reference) is None:
        say("reference: the labels of these texts; --trusted-base gives a stronger one")
    else:
        learned = f"fine-tuned on {trusted.n_texts} of these texts, accuracy {trusted.accuracy:.3f} on the others"
        say(f"reference: {trusted.base}, {learned}")


def _drift_line(calibration: "Calibration") -> str:
    """What windows of live texts will be held against."""
    from handler.xgraad.drift.drift_statistics import WINDOW

    drift = calibration.drift
    if drift is None:
        return f"drift: not watched, which takes {WINDOW} texts"
    told = ", ".join(f"{domain.name} ({domain.n_texts} texts)" for domain in drift.domains)
    return f"drift: windows of {drift.window} texts, {drift.false_alarm_rate:g} of them false alarms; domains: {told}"


def _max_windows(arguments: argparse.Namespace) -> int:
    """In which a long text will be looked at; 1 for its beginning."""
    given = {"--stride": arguments.stride, "--max-windows": arguments.max_windows}
    if not arguments.windows:
        for name in (name for name, value in given.items() if value):
            raise LabError(f"{name} is for --windows; add that, or leave {name} out")
        return 1
    if arguments.by or arguments.domains > 1:
        raise LabError("--windows knows no domains; leave out --by and --domains, or --windows")
    most = arguments.max_windows or USUAL_MAX_WINDOWS
    if not 2 <= most <= MOST_WINDOWS:
        raise LabError(f"--max-windows must be from 2 to {MOST_WINDOWS}, is {most}")
    return int(most)


def _each(strengths: Sequence[float]) -> str:
    """The strengths of all labels."""
    return " / ".join(f"{strength:.2f}" for strength in strengths)


if __name__ == "__main__":
    raise SystemExit(main())
