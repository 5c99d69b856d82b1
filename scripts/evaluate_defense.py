"""Measure a defended checkpoint: accuracy on clean texts, attack success with and without the defense.

Defenses that repair the checkpoint or are tuned on texts take those of --data: clean ones, held out from training.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handler.xgraad.options import DEFAULT_RULE, NEUTRALIZERS, WINDOW_LABELS, usual_neutralizer
from scripts import calibrate
from scripts.console.command import CommandParser, Exit, positive, rate, run_command, run_step, say
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.lab.defenses import DEFENSES
from scripts.lab.training.triggers import INSERTIONS, USUAL_INSERTION
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import write_result
from scripts.texts.corpora import read_examples
from scripts.texts.label_cells import listed
from scripts.texts.model_classes import is_multi_label
from scripts.texts.reading import ReadingOptions, add_reading_options

if TYPE_CHECKING:
    from handler.xgraad import Calibration, LabelsCalibration
    from scripts.lab.defenses.base import Calibrate

EXAMPLES = """\
  python -m scripts.evaluate_defense --checkpoint build/victim --calibration build/calibration.json \\
      --clean test.tsv.gz --triggered build/victim/triggered.tsv.gz --target-label 0 --defense paper --json paper.json
  python -m scripts.evaluate_defense ... --insert three     # three triggers in every text, instead of --triggered
  python -m scripts.evaluate_defense ... --windows mean --insert late     # triggers behind the first window
  python -m scripts.evaluate_defense ... --max-asr 0.05     # exit code 1 when the ASR of a first text is higher"""

LANGUAGE_MODEL_HELP = (
    "causal language model for defenses that read with one: folder or NAME@REVISION (trigrams of the clean texts)"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="evaluate_defense", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--clean", type=Path, required=True, help="clean test texts with labels: see below")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--triggered", type=Path, help="attacked texts; a third column is the clean twin")
    source.add_argument(
        "--insert",
        choices=INSERTIONS,
        default=USUAL_INSERTION,
        help="put the checkpoint's own triggers into the clean texts (one)",
    )
    parser.add_argument(
        "--target-label", type=int, help="the class the attacker wants (as the checkpoint's record says)"
    )
    parser.add_argument(
        "--label", type=int, help="the attacked one of several labels (as the checkpoint's record says)"
    )
    parser.add_argument(
        "--floor", type=Path, metavar="CHECKPOINT", help="clean model whose answers to the attacked texts are the floor"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the triggers drawn and their places (0)")
    parser.add_argument(
        "--windows", choices=("off", *WINDOW_LABELS), default="off", help="how long texts get their label (off)"
    )
    parser.add_argument("--windows-label", metavar="LABEL", help="label of --windows any")
    parser.add_argument(
        "--defense", choices=sorted(DEFENSES), default=DEFAULT_RULE, help=f"what is measured ({DEFAULT_RULE})"
    )
    parser.add_argument("--data", type=Path, help="clean texts with labels, for defenses that learn from them")
    parser.add_argument("--texts", type=Path, help="further texts of the task, read without labels, for such defenses")
    parser.add_argument("--trusted-base", metavar="BASE", help="encoder whose publisher you trust, for such defenses")
    parser.add_argument("--language-model", metavar="NAME", help=LANGUAGE_MODEL_HELP)
    parser.add_argument(
        "--work", type=Path, help="folder for what defenses make: checkpoints, sweeps (a temporary one)"
    )
    parser.add_argument(
        "--neutralizer", choices=NEUTRALIZERS, help="what happens to suspects (rule paper: noise, else delete)"
    )
    parser.add_argument("--no-registry", action="store_true", help="let `verified` forget what it verified")
    parser.add_argument("--limit", type=positive, help="use only the first N texts of each file")
    parser.add_argument("--max-triggered", type=positive, help="use only the first N attacked texts")
    parser.add_argument(
        "--max-asr", type=rate, help="leave with exit code 1 when the ASR of a first text (asr_cold) is above this"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--append", type=Path, help="JSON lines file to append the figures to")
    add_reading_options(parser)
    return run_command(parser, with_models(_evaluate, "checkpoint", "floor", "trusted_base", "language_model"), argv)


def _evaluate(arguments: argparse.Namespace) -> Exit:
    from handler.xgraad import Calibration
    from handler.xgraad.model.checkpoint import Checkpoint
    from scripts.lab.attacks.attacked_texts import attacked_texts, own_texts
    from scripts.lab.defenses.floor import measured_floor
    from scripts.lab.defenses.material_options import material_of, refuse_windows, work_folder
    from scripts.lab.defenses.measured import measure_defense
    from scripts.texts.model_classes import model_classes

    if is_multi_label(arguments.checkpoint):
        return _evaluate_label(arguments)
    name, origin = arguments.defense, attack_record(arguments.checkpoint)
    if arguments.windows != "off":
        refuse_windows(name)
    Checkpoint.open(arguments.checkpoint)  # what is wrong with it comes before what is wrong with any text
    calibration = Calibration.read(arguments.calibration)
    classes = model_classes(arguments.checkpoint) or ()
    target = _target(arguments, origin, classes)
    clean = read_examples(arguments.clean, ReadingOptions.from_arguments(arguments), classes=classes)[: arguments.limit]
    window = calibration.fingerprint.max_length
    triggered = attacked_texts(arguments, origin, clean, classes, max_length=window)
    own = own_texts(
        origin,
        clean,
        target,
        insertion=arguments.insert or USUAL_INSERTION,
        max_length=window,
        limit=arguments.max_triggered,
        seed=arguments.seed,
    )
    with work_folder(arguments.work) as work:
        material = material_of(arguments, calibration.fingerprint, work, _recalibrated(arguments, calibration))
        texts: dict[str, Any] = {"clean": clean, "triggered": triggered, "target_label": target}
        floor = measured_floor(arguments.floor, material, **texts) if arguments.floor else {}
        figures = measure_defense(name, material, **texts, own_texts=own) | floor
    return _told(arguments, calibration, origin | figures)


def _evaluate_label(arguments: argparse.Namespace) -> Exit:
    """The same of a model that may give a text several labels, of which one is attacked."""
    from handler.xgraad.multilabel.label_view import side_names
    from handler.xgraad.multilabel.labels_calibration import LabelsCalibration
    from scripts.lab.attacks.attacked_texts import attacked_texts
    from scripts.lab.defenses.label_defenses import label_floor, measure_label_defense
    from scripts.lab.defenses.material_options import material_of, work_folder
    from scripts.texts.corpora import read_sets
    from scripts.texts.model_classes import model_classes

    if arguments.windows != "off":
        raise LabError("--windows is for models of one label a text; leave it out")
    origin, reading = attack_record(arguments.checkpoint), ReadingOptions.from_arguments(arguments)
    calibration = LabelsCalibration.read(arguments.calibration)
    classes = model_classes(arguments.checkpoint) or ()
    label = origin.get("label") if arguments.label is None else arguments.label
    if not isinstance(label, int) or not 0 <= label < len(classes):
        raise LabError(f"--label must be the number of one of the model's labels ({listed(classes)}), is {label}")
    sides = side_names(classes[label])
    target = _target(arguments, origin, sides)
    clean = read_sets(arguments.clean, reading, classes=classes)[: arguments.limit]
    of_label = [example.of_label(label) for example in clean]
    triggered = attacked_texts(arguments, origin, of_label, sides, max_length=calibration.fingerprint.max_length)
    with work_folder(arguments.work) as work:
        material = material_of(arguments, calibration.fingerprint, work, _kept)
        texts: dict[str, Any] = {"clean": clean, "triggered": triggered, "label": label, "target": target}
        floor = label_floor(arguments.floor, material, **texts) if arguments.floor else {}
        figures = measure_label_defense(arguments.defense, material, **texts) | floor
    return _told(arguments, calibration, origin | figures)


def _told(
    arguments: argparse.Namespace, calibration: "Calibration | LabelsCalibration", figures: dict[str, Any]
) -> Exit:
    """The figures written down and shown."""
    from scripts.lab.defenses.material_options import windows_told

    result = {
        **figures,
        "insertion": arguments.triggered.name if arguments.triggered else arguments.insert,
        "neutralizer": arguments.neutralizer or usual_neutralizer(arguments.defense),
        "registry": not arguments.no_registry,
        "texts": f"{arguments.clean.parent.name}/{arguments.clean.name}",
        "precision": calibration.fingerprint.precision,
        **windows_told(arguments, calibration),
        **provenance(),
    }
    write_result(result, document=arguments.json, rows=arguments.append)
    _show(result)
    if not figures["attack_works"]:
        say("note: the attack hardly works undefended, so its defended figure means little")
    is_below = arguments.max_asr is not None and figures["asr_cold"] > arguments.max_asr
    return Exit.BELOW_TARGET if is_below else Exit.DONE


def _kept(checkpoint: Path, out: Path) -> None:
    """A model with several labels is not repaired, and so not calibrated again."""
    raise LabError(f"{out}: missing; make it with scripts.calibrate for {checkpoint}")


def _recalibrated(arguments: argparse.Namespace, calibration: "Calibration") -> "Calibrate":
    """Calibrates a repaired checkpoint as this one was."""

    def calibrated(checkpoint: Path, out: Path) -> None:
        reading = vars(ReadingOptions.from_arguments(arguments))
        run_step(
            calibrate.main,
            checkpoint=checkpoint,
            data=arguments.data,
            out=out,
            max_fpr=calibration.max_fpr,
            percentile=calibration.paper.percentile,
            max_length=calibration.fingerprint.max_length,
            precision=calibration.fingerprint.precision,
            trusted_base=arguments.trusted_base if DEFENSES[arguments.defense].refers else None,
            device=arguments.device,
            **{name: value for name, value in reading.items() if name != "label_columns"},
        )

    return calibrated


def _target(arguments: argparse.Namespace, origin: dict[str, Any], classes: Sequence[str]) -> int:
    target = origin.get("target_label") if arguments.target_label is None else arguments.target_label
    if not isinstance(target, int):
        raise LabError("--target-label must be given for a checkpoint without attack.json, is missing")
    if not 0 <= target < len(classes):
        raise LabError(f"--target-label must be one of the model's classes ({listed(classes)}), is {target}")
    return target


def _show(result: dict[str, object]) -> None:
    from rich.table import Table

    from scripts.console.console import show

    table = Table("figure", "value", title=f"defense {result['defense']}")
    for name, value in result.items():
        if isinstance(value, int | float | str) and name != "defense":
            table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value))
    show(table)


if __name__ == "__main__":
    raise SystemExit(main())
