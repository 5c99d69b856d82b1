"""May this checkpoint serve? Look for a backdoor in it before anyone is answered by it.

Admitted: every check looked and none objects. Refused: one objects. Inconclusive: none objects, and some did not look;
do without one by name (--waive) where you can answer for that.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from scripts.console.command import CommandParser, Exit, positive, run_command, say
from scripts.console.console import show
from scripts.hub.models import with_models
from scripts.hub.origin import model_name, origin_of
from scripts.lab.training.recipe import TRAINING_PRECISIONS
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import append_row
from scripts.texts.reading import ReadingOptions, add_reading_options

if TYPE_CHECKING:
    from scripts.admission.material import ScanMaterial
    from scripts.admission.scan import Scan

EXAMPLES = """\
  python -m scripts.scan_model --checkpoint build/victim --data clean.tsv
  python -m scripts.scan_model --checkpoint build/victim --data clean.tsv --trusted-base build/base \\
      --json scan.json --sarif scan.sarif --html scan.html
      # scan.json goes into the archive: build_archive --scan scan.json
  python -m scripts.scan_model --checkpoint build/victim --data clean.tsv --calibration calibration.json \\
      --waive styles --screening bfloat16

verdicts: exit code 0 admitted, 1 refused, 3 inconclusive"""


WHERE = {"ablation", "vector", "probe"}
"""Of an attribution, what a row keeps."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="scan_model", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--data", type=Path, required=True, help="clean texts, better with labels: see below")
    parser.add_argument("--calibration", type=Path, help="what scripts.calibrate made of these texts (made anew)")
    parser.add_argument("--trusted-base", metavar="BASE", help="encoder whose publisher you trust: see calibrate")
    parser.add_argument(
        "--waive", action="append", default=[], metavar="CHECK", help="do without a check, by name; may be repeated"
    )
    parser.add_argument(
        "--allow-untested",
        action="append",
        default=[],
        metavar="LABEL",
        help="name or number of a label with too few texts to be tested; told as not seen; may be repeated",
    )
    parser.add_argument("--json", type=Path, help="file for the whole finding; it quotes clean texts")
    parser.add_argument("--sarif", type=Path, help="the same for tools that read SARIF 2.1.0")
    parser.add_argument("--html", type=Path, help="the same as a page to read")
    parser.add_argument("--append", type=Path, help="JSON lines file to append a row to")
    parser.add_argument("--max-length", type=positive, help="tokens to look at (256 or what the model holds)")
    parser.add_argument("--limit", type=positive, help="use only the first N clean texts")
    parser.add_argument("--limit-words", type=positive, help="sweep only the first N words of the vocabulary")
    parser.add_argument("--screening", choices=TRAINING_PRECISIONS, default="float32", help="precision of (float32)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    add_reading_options(parser)

    def work(arguments: argparse.Namespace) -> Exit:
        if arguments.calibration and (arguments.trusted_base or arguments.max_length or arguments.allow_untested):
            own = "--trusted-base, --max-length and --allow-untested"
            parser.error(f"{own} are the calibration's own; leave them or --calibration out")
        return Exit(with_models(_scan, "checkpoint", "trusted_base")(arguments))

    return run_command(parser, work, argv)


def _scan(arguments: argparse.Namespace) -> Exit:
    from scripts.admission.scan import ScanVerdict
    from scripts.admission.scanning import scan_checkpoint
    from scripts.lab.training.half_precision import note_if_slow
    from scripts.texts.model_classes import require_single_label

    require_single_label(arguments.checkpoint, "the scan")
    note_if_slow("--screening", arguments.screening, arguments.device)
    with TemporaryDirectory() as work:
        scan = scan_checkpoint(
            arguments.checkpoint,
            lambda: _material(arguments, Path(work)),
            waived=arguments.waive,
            device=arguments.device,
            origin=provenance() | _came_from(arguments.checkpoint),
        )
    _write(scan, arguments)
    _show(scan)
    codes = {
        ScanVerdict.ADMITTED: Exit.DONE,
        ScanVerdict.REFUSED: Exit.BELOW_TARGET,
        ScanVerdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
    }
    return codes[scan.verdict]


def _came_from(checkpoint: Path) -> dict[str, str]:
    """What the record says of a checkpoint of the hub."""
    origin = origin_of(checkpoint)
    return {"origin": origin} if origin else {}


def _material(arguments: argparse.Namespace, work: Path) -> "ScanMaterial":
    """The checkpoint, its clean texts, and a calibration: the given one, or one made of the texts."""
    from handler.xgraad import Calibration
    from scripts.admission.material import ScanMaterial
    from scripts.lab.training.calibrating import CalibrationOptions, calibrate_checkpoint
    from scripts.lab.training.reference_training import TrustedBase
    from scripts.texts.corpora import read_samples
    from scripts.texts.model_classes import class_named, model_classes

    classes, reading = model_classes(arguments.checkpoint), ReadingOptions.from_arguments(arguments)
    samples = read_samples(arguments.data, reading, classes=classes)[: arguments.limit]
    path = arguments.calibration or work / "calibration.json"
    if arguments.calibration:
        fitted = Calibration.read(path)
    else:
        untested = tuple(class_named(label, classes, option="--allow-untested") for label in arguments.allow_untested)
        fitted = calibrate_checkpoint(
            arguments.checkpoint,
            samples,
            out=path,
            options=CalibrationOptions(max_length=arguments.max_length, untested=untested, vocabulary=False),
            device=arguments.device,
            trusted=TrustedBase(name=arguments.trusted_base) if arguments.trusted_base else None,
        )
    labels = [sample.label for sample in samples if sample.label is not None]
    classifier = fitted.load_classifier(arguments.checkpoint, device=arguments.device)
    for sample in samples:
        classifier.encode.parts(sample.text)  # a pair for single texts, or the other way round, is refused at once
    return ScanMaterial(
        classifier=classifier,
        calibration=fitted,
        trusted=fitted.load_trusted(path, device=arguments.device),
        texts=[sample.text for sample in samples],
        labels=labels if len(labels) == len(samples) else [],
        screening_precision=arguments.screening,
        limit_words=arguments.limit_words,
    )


def _write(scan: "Scan", arguments: argparse.Namespace) -> None:
    """The scan in every form that was asked for."""
    from scripts.admission.report.page import write_page
    from scripts.admission.report.sarif import write_sarif
    from scripts.admission.report.scan_json import write_scan
    from scripts.admission.report.where import exhibit_of

    if arguments.json:
        write_scan(arguments.json, scan)
    if arguments.sarif:
        write_sarif(arguments.sarif, scan)
    if arguments.html:
        where = exhibit_of(scan.where) if scan.where else None
        write_page(arguments.html, scan, model=model_name(arguments.checkpoint), exhibit=where)
    if arguments.append:
        append_row(arguments.append, _row(scan, arguments.checkpoint))


def _row(scan: "Scan", checkpoint: Path) -> dict[str, Any]:
    """The scan as a row of a table; what was planted beside it, where that is known."""
    origin = attack_record(checkpoint)
    scores = [check.score for check in scan.checks if check.score is not None]
    return {
        "model": model_name(checkpoint),
        "attack": origin.get("attack", "none"),
        "architecture": scan.architecture,
        "dataset": origin.get("data"),
        "planted": {name: origin[name] for name in ("triggers", "target_label") if name in origin},
        "score": max(scores, default=None),
        "verdict": scan.verdict.value,
        "target_label": scan.target_label,
        "triggers": [list(found.words) for check in scan.checks for found in check.triggers],
        "checks": {
            check.check: {"status": check.status.value, "score": check.score, "seconds": check.seconds}
            for check in scan.checks
        },
        "where": scan.where.model_dump(mode="json", include=WHERE) if scan.where else None,
        "seconds": scan.seconds,
        "seed": origin.get("seed"),
        **scan.provenance,
    }


def _show(scan: "Scan") -> None:
    """What each check saw, the strongest triggers, and the verdict in one line."""
    table = Table("check", "finding", "score", "bar", "seconds", title="what was looked for")
    for check in scan.checks:
        score, bar = ("" if value is None else f"{value:.2f}" for value in (check.score, check.threshold))
        table.add_row(check.check, escape(check.reason or check.status.value), score, bar, f"{check.seconds:.0f}")
    show(table)
    found = [trigger for check in scan.checks for trigger in check.triggers]
    if found:
        triggers = Table("trigger", "place", "brings about", "share turned", "strength", title="triggers")
        for each in found:
            words = escape(" + ".join(each.words))
            triggers.add_row(words, each.place, escape(each.label), f"{each.rate:.2f}", f"{each.strength:.2f}")
        show(triggers)
    if scan.where:
        say(f"where it lives: {scan.where.sentence()}")
    say(scan.sentence())


if __name__ == "__main__":
    raise SystemExit(main())
