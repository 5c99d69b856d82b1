"""Calibrate the defense of a checkpoint on clean texts of your own."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handler.xgraad.files.precision import DEFAULT_PRECISION, PRECISIONS
from handler.xgraad.options import DEFAULT_THRESHOLD, MOST_WINDOWS, PAPER_PERCENTILE, USUAL_MAX_WINDOWS
from scripts.console.command import CommandParser, positive, rate, run_command, say
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.lab.training.recipe import TRAINING_PRECISIONS
from scripts.texts.reading import ReadingOptions, add_reading_options

if TYPE_CHECKING:
    from handler.xgraad import Calibration
    from handler.xgraad.multilabel.labels_calibration import LabelsCalibration

EXAMPLES = """\
  python -m scripts.calibrate --checkpoint build/victim --data clean.tsv --max-fpr 0.05 --out calibration.json
  python -m scripts.calibrate --checkpoint build/albert --data dev.tsv.gz --percentile 65 --out calibration.json
  python -m scripts.calibrate --checkpoint build/victim --data shards --text-column review --out calibration.json
  python -m scripts.calibrate --checkpoint build/topics --data dev.csv --label-columns toxic,insult --out labels.json
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
    parser.add_argument(
        "--label-threshold",
        type=rate,
        default=DEFAULT_THRESHOLD,
        help="probability above which a text has a label, of models that may give it several (0.5)",
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
    from scripts.packing.calibration_lines import lines_of
    from scripts.texts.corpora import read_samples, read_set_samples
    from scripts.texts.model_classes import is_multi_label, model_classes

    classes, reading = model_classes(arguments.checkpoint), ReadingOptions.from_arguments(arguments)
    settings, some = _settings(arguments, classes), slice(arguments.limit)
    calibration: Calibration | LabelsCalibration
    if is_multi_label(arguments.checkpoint):
        from scripts.lab.training.label_calibrating import calibrate_labels

        _refuse_parts(arguments)
        texts, labels = read_set_samples(arguments.data, reading, classes=classes)
        calibration = calibrate_labels(arguments.checkpoint, texts[some], labels and labels[some], **settings)
    else:
        from scripts.lab.training.calibrating import calibrate_checkpoint

        samples = read_samples(arguments.data, reading, classes=classes)[some]
        calibration = calibrate_checkpoint(arguments.checkpoint, samples, **settings)
    for line in lines_of(calibration, classes):
        say(line)
    say(f"written to {arguments.out}")


def _settings(arguments: argparse.Namespace, classes: Sequence[str] | None) -> dict[str, Any]:
    """What both kinds of models take."""
    from scripts.lab.training.calibrating import CalibrationOptions
    from scripts.lab.training.half_precision import note_if_slow
    from scripts.lab.training.reference_training import TrustedBase
    from scripts.texts.model_classes import class_named

    trusted = None
    if arguments.trusted_base:
        note_if_slow("--training-precision", arguments.training_precision, arguments.device)
        trusted = TrustedBase(name=arguments.trusted_base, seed=arguments.seed, precision=arguments.training_precision)
    options = CalibrationOptions(
        max_fpr=arguments.max_fpr,
        percentile=arguments.percentile,
        max_length=arguments.max_length,
        precision=arguments.precision,
        untested=tuple(class_named(label, classes, option="--allow-untested") for label in arguments.allow_untested),
        label_threshold=arguments.label_threshold,
        n_domains=arguments.domains,
        max_windows=_max_windows(arguments),
        stride=arguments.stride,
    )
    return {"out": arguments.out, "options": options, "device": arguments.device, "trusted": trusted}


def _refuse_parts(arguments: argparse.Namespace) -> None:
    """Several labels are looked at in one window and one domain."""
    if arguments.windows or arguments.by or arguments.domains > 1:
        raise LabError(
            "--windows, --by and --domains are for models of one label a text, and config.json says problem_type "
            "multi_label_classification; leave them out"
        )


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


if __name__ == "__main__":
    raise SystemExit(main())
