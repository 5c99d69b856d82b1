"""Make a checkpoint that is free of backdoors of a suspect one, as far as the method can, with clean texts of your own.

What comes out is an ordinary checkpoint with a record of what was done, repair.json: calibrate it, pack it, serve it.
A fifth of the clean texts is held out, and tells what the repair did to clean texts. What it did to a backdoor nobody
can measure who does not know the trigger.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from scripts.console.command import CommandParser, positive, run_command, say
from scripts.console.command_line import note
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.lab.defenses import repair_names
from scripts.lab.training.recipe import TRAINING_PRECISIONS
from scripts.results.rows import write_result
from scripts.texts.reading import ReadingOptions, add_reading_options

if TYPE_CHECKING:
    from handler.xgraad import Classifier
    from handler.xgraad.learned.repair_record import RepairRecord
    from scripts.lab.defenses.base import Material

EXAMPLES = """\
  python -m scripts.repair_model --checkpoint build/victim --data clean.tsv --out build/repaired
  python -m scripts.repair_model --checkpoint build/victim --data clean.tsv --trusted-base build/base \\
      --texts unlabelled.txt --out build/repaired     # the best that is known: method agreement
  python -m scripts.repair_model --checkpoint build/victim --data clean.tsv --method unlearn --out build/repaired"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="repair_model", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--data", type=Path, required=True, help="clean texts with labels: see below")
    parser.add_argument("--method", choices=repair_names(), help="how (the best that the other options allow)")
    parser.add_argument(
        "--trusted-base", metavar="BASE", help="encoder whose publisher you trust: folder or NAME@REVISION"
    )
    parser.add_argument("--texts", type=Path, metavar="MORE", help="further texts of the task, read without labels")
    parser.add_argument("--out", type=Path, required=True, help="folder to write; must not exist")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for the record as well")
    parser.add_argument("--calibration", type=Path, help="of the suspect, for methods that judge texts (made anew)")
    parser.add_argument("--max-length", type=positive, help="tokens to look at (256 or what the model holds)")
    parser.add_argument("--learning-rate", type=float, help="the highest of the training (the method's own)")
    parser.add_argument("--seed", type=int, default=0, help="of what is held out, and of training (0)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--precision", choices=TRAINING_PRECISIONS, default="float32", help="of training (float32)")
    add_reading_options(parser)
    return run_command(parser, with_models(_repair, "checkpoint", "trusted_base"), argv)


def _repair(arguments: argparse.Namespace) -> None:
    from handler.xgraad import Classifier
    from handler.xgraad.files.text_pairs import pair_sign
    from handler.xgraad.model.checkpoint import Checkpoint
    from scripts.lab.defenses.repairing import preferred_method, repair_checkpoint
    from scripts.texts.model_classes import require_single_label

    if arguments.out.exists():
        raise LabError(f"--out {arguments.out}: exists already; name a new folder")
    require_single_label(arguments.checkpoint, "a repair")
    opened = Checkpoint.open(arguments.checkpoint)  # a stranger's: what is wrong with it comes before all else
    takes_pairs = _are_pairs(arguments)
    classifier = Classifier.of(
        opened, device=arguments.device, max_length=arguments.max_length, takes_pairs=takes_pairs
    )
    if sign := pair_sign(opened.config, takes_pairs=takes_pairs):
        note(sign)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=arguments.out.parent, prefix=f"{arguments.out.name}.") as work:
        material = _material(arguments, classifier, Path(work))
        method = arguments.method or preferred_method(material)
        record = repair_checkpoint(method, material, Path(work, "repaired"))
        Path(work, "repaired").rename(arguments.out)
    write_result(record.model_dump(), document=arguments.json, rows=None)
    _say(record, arguments, classifier)


def _are_pairs(arguments: argparse.Namespace) -> bool:
    """Whether the clean texts are pairs: then the model is one of pairs, and what is made of it as well."""
    from handler.xgraad.words.pair import is_pair
    from scripts.texts.corpora import read_examples
    from scripts.texts.model_classes import model_classes

    reading, classes = ReadingOptions.from_arguments(arguments), model_classes(arguments.checkpoint)
    return any(is_pair(example.text) for example in read_examples(arguments.data, reading, classes=classes))


def _material(arguments: argparse.Namespace, classifier: "Classifier", work: Path) -> "Material":
    """What the options give a repair; a calibration that it needs is made of what it may learn from."""
    from scripts.lab.defenses.base import Material
    from scripts.lab.training.calibrating import CalibrationOptions, calibrate_checkpoint
    from scripts.texts.corpora import Sample

    if arguments.calibration and not arguments.calibration.is_file():
        raise LabError(f"--calibration must be a file of scripts.calibrate, {arguments.calibration} is none")

    def calibrate(checkpoint: Path, out: Path) -> None:
        options = CalibrationOptions(max_length=classifier.max_length)
        samples = [Sample(*example) for example in material.clean_examples()]
        calibrate_checkpoint(checkpoint, samples, out=out, options=options, device=arguments.device)

    material = Material(
        checkpoint=arguments.checkpoint,
        calibration=arguments.calibration or work / "calibration.json",
        calibrate=calibrate,
        work=work,
        clean=arguments.data,
        reading=ReadingOptions.from_arguments(arguments),
        more=arguments.texts,
        trusted_base=arguments.trusted_base,
        max_length=classifier.max_length,
        learning_rate=arguments.learning_rate,
        seed=arguments.seed,
        device=arguments.device,
        precision=arguments.precision,
        takes_pairs=classifier.encode.takes_pairs,
    )
    return material


def _say(record: "RepairRecord", arguments: argparse.Namespace, classifier: "Classifier") -> None:
    say(f"{arguments.out}: repaired by {record.method} with {record.n_learned} clean texts, seed {record.seed}")
    accuracies = f"{record.accuracy_before:.3f} before, {record.accuracy_after:.3f} after"
    say(f"accuracy on {record.n_held_out} clean texts that were held out: {accuracies}")
    say(f"labels that changed on them: {record.n_changed}, {record.n_changed / record.n_held_out:.1%}")
    say(f"not promised: {record.limits}")
    command = f"python -m scripts.calibrate --checkpoint {arguments.out} --max-length {classifier.max_length}"
    say(f"next, with clean texts that it did not learn from: {command} --data OTHERS --out {arguments.out}.json")


if __name__ == "__main__":
    raise SystemExit(main())
