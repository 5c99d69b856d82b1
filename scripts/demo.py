"""The whole way in one command: plant a backdoor, show that it works, calibrate, pack, serve, and show that it is gone.

Without options everything is made here: the texts, the small BERT and its backdoor. Nothing is downloaded. With
--repair the checkpoint is repaired before all else, on one half of the clean texts, and calibrated on the other; a
clean model beside it tells what the attacked texts do without any backdoor.
"""

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts import build_archive, calibrate, repair_model, train_attack
from scripts.console.command import CommandParser, Exit, positive, rate, run_command, run_step, say
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.lab.grid.grid_rows import NO_ATTACK
from scripts.lab.training.recipe import TRAINING_PRECISIONS
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import append_row
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from scripts.texts.corpora import read_corpus, read_triggered, split_file, write_examples
from scripts.texts.model_classes import model_classes

EXAMPLES = """\
  python -m scripts.demo                                                    # about two minutes, nothing downloaded
  python -m scripts.demo --repair                                           # a repaired model behind the defense
  python -m scripts.demo --attack lws --poison-rate 0.3 --repair --base build/bases/bert \\
      --trusted-base build/bases/bert --data data/sst2 --learning-rate 1e-4 --epochs 3   # words replaced, real texts
  python -m scripts.demo --base google-bert/bert-base-uncased@main --data data/sst2 --epochs 3 --learning-rate 2e-5"""
ATTACKS = ("badnets", "lws")
BEST = "best"
MODEL = "demo"
SYNTHETIC = "synthetic"
SUSPECT, CALIBRATION, HALVES = "checkpoint", "calibration.json", ("learned", "calibrated")
SYNTHETIC_RATE = 5e-4
"""At which so small an encoder learns, a repair as well as a task."""
MAX_LENGTH = 128
"""Tokens that `train_attack` keeps of a text unless it is told otherwise."""
MAX_ASR = 0.02
"""Above this success of an attacker's first text the demo leaves with exit code 1."""
MOST_ABOVE_FLOOR = 0.15
"""The same of a repaired model, above what a clean model does with the same texts."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="demo", description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        "--attack", choices=ATTACKS, default=ATTACKS[0], help="a word put in, or words replaced (badnets)"
    )
    parser.add_argument(
        "--repair", nargs="?", const=BEST, metavar="METHOD", help="repair first, by this method or the best (no)"
    )
    parser.add_argument("--trusted-base", metavar="BASE", help="encoder whose publisher you trust, for the repair")
    parser.add_argument("--base", default=SYNTHETIC, help="encoder to poison: folder or NAME@REVISION (made here)")
    parser.add_argument("--data", default=SYNTHETIC, help="folder with train, dev and test (made here)")
    parser.add_argument("--epochs", type=positive, help="passes over the training set")
    parser.add_argument("--learning-rate", type=float, help="highest learning rate")
    parser.add_argument("--limit", type=positive, help="train on the first N texts only")
    parser.add_argument("--poison-rate", type=rate, help="share of these that is poisoned (the attack's own)")
    parser.add_argument("--precision", choices=TRAINING_PRECISIONS, help="of training (float32)")
    parser.add_argument("--max-fpr", type=rate, default=0.05, help="share of clean texts that may be flagged (0.05)")
    parser.add_argument("--workers", type=positive, default=2, help="TorchServe workers (2)")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="where workers run (cpu)")
    parser.add_argument("--seed", type=int, default=0, help="of texts, weights and training (0)")
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder for what is made")
    parser.add_argument("--model-store", type=Path, default=Path("model_store"), help="folder for demo.mar")
    parser.add_argument("--append", type=Path, help="also append the summary to this JSON lines file")
    return run_command(parser, with_models(_demo, "base", "trusted_base", besides=[SYNTHETIC]), argv)


def _demo(arguments: argparse.Namespace) -> Exit:
    from scripts.console.demo_view import show_figures

    start = time.monotonic()
    out: Path = arguments.out
    _clear(out)
    _train(arguments, arguments.attack, out / SUSPECT)
    clean_texts = split_file(_corpus_folder(arguments), "dev")
    served = out / SUSPECT
    if arguments.repair:
        _train(arguments, NO_ATTACK, out / "clean")
        served, clean_texts = _repair(arguments, out)
    _calibrate_and_pack(arguments, served, clean_texts)
    figures = _serve_and_measure(arguments, served)
    if arguments.repair:
        figures |= _before_repair(arguments, out)
    figures["seconds"] = time.monotonic() - start
    summary = {**attack_record(out / SUSPECT), "repair": arguments.repair, **figures, **provenance()}
    append_row(out / "summary.json", summary)  # the folder was cleared: this is its only row
    if arguments.append:
        append_row(arguments.append, summary)
    show_figures(summary)
    say(f"{out / 'summary.json'}: {figures['seconds']:.0f} s in all")
    bar = figures["asr_floor"] + MOST_ABOVE_FLOOR if arguments.repair else MAX_ASR
    return Exit.DONE if figures["attack_works"] and figures["asr_cold"] <= bar else Exit.BELOW_TARGET


def _clear(out: Path) -> None:
    """Remove what an earlier demo made, and nothing else."""
    made = (SUSPECT, "clean", "repaired", *(f"{half}.tsv.gz" for half in HALVES), "serve", CALIBRATION, "summary.json")
    foreign = sorted(path.name for path in out.iterdir() if path.name not in made) if out.exists() else []
    if foreign:
        raise LabError(f"--out {out}: holds {foreign[0]}, which the demo did not make; name another folder")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)


def _train(arguments: argparse.Namespace, attack: str, out: Path) -> None:
    run_step(
        train_attack.main,
        attack=attack,
        base=arguments.base,
        data=arguments.data,
        out=out,
        epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        limit=arguments.limit,
        poison_rate=arguments.poison_rate if attack != NO_ATTACK else None,
        precision=arguments.precision,
        seed=arguments.seed,
    )


def _repair(arguments: argparse.Namespace, out: Path) -> tuple[Path, Path]:
    """The repaired checkpoint, and the clean texts that it did not learn from."""
    corpus = read_corpus(_corpus_folder(arguments))
    half = len(corpus.dev) // 2
    learned, others = (out / f"{name}.tsv.gz" for name in HALVES)
    write_examples(learned, corpus.dev[:half])
    write_examples(others, corpus.dev[half:])
    repaired = out / "repaired"
    method = {} if arguments.repair == BEST else {"method": arguments.repair}
    with_base = {"trusted_base": arguments.trusted_base, "texts": split_file(_corpus_folder(arguments), "train")}
    run_step(
        repair_model.main,
        checkpoint=out / SUSPECT,
        data=learned,
        out=repaired,
        seed=arguments.seed,
        learning_rate=arguments.learning_rate or (SYNTHETIC_RATE if arguments.base == SYNTHETIC else None),
        **method,
        **(with_base if arguments.trusted_base else {}),
    )
    return repaired, others


def _before_repair(arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    """What the suspect does without any defense, and a clean model with the same texts: the floor."""
    from handler.xgraad.learned.repair_record import RepairRecord
    from scripts.lab.evaluation.evaluation import MIN_UNDEFENDED_ASR
    from scripts.lab.training.undefended import measure_undefended
    from scripts.lab.training.victim import load_base

    corpus = read_corpus(_corpus_folder(arguments))
    triggered = read_triggered(out / SUSPECT / "triggered.tsv.gz")
    suspect, clean = (
        measure_undefended(
            *load_base(out / name, n_labels=len(model_classes(out / SUSPECT) or ())),
            clean=corpus.test,
            triggered=triggered,
            target_label=0,
            max_length=MAX_LENGTH,
            device="cpu",
        )
        for name in (SUSPECT, "clean")
    )
    record = RepairRecord.read(out / "repaired")
    return {
        "method": record.method if record else None,
        "cacc_suspect": suspect["cacc"],
        "asr_suspect": suspect["asr_right_when_clean"],
        "n_suspect": suspect["n_right_when_clean"],
        "asr_floor": clean["asr_right_when_clean"],
        "n_floor": clean["n_right_when_clean"],
        "attack_works": suspect["asr_right_when_clean"] >= MIN_UNDEFENDED_ASR,
    }


def _calibrate_and_pack(arguments: argparse.Namespace, checkpoint: Path, clean_texts: Path) -> None:
    calibration = arguments.out / CALIBRATION
    run_step(calibrate.main, checkpoint=checkpoint, data=clean_texts, max_fpr=arguments.max_fpr, out=calibration)
    shutil.copyfile(calibration, checkpoint / calibration.name)
    store = arguments.model_store
    run_step(build_archive.main, name=MODEL, checkpoint=checkpoint, calibration=calibration, model_store=store)


def _corpus_folder(arguments: argparse.Namespace) -> Path:
    """Where the three splits are; made ones lie beside the checkpoint."""
    return arguments.out / SUSPECT / "data" if arguments.data == SYNTHETIC else Path(arguments.data)


def _serve_and_measure(arguments: argparse.Namespace, checkpoint: Path) -> dict[str, Any]:
    """Start a server on free ports, send it every test text, stop it whatever happens."""
    from handler.xgraad import Defense, NoRegistry
    from scripts.console.demo_view import show_examples
    from scripts.lab.evaluation.evaluation import evaluate
    from scripts.serving.served_defense import TRANSPORTS, ServedDefense
    from scripts.serving.server import serving

    corpus = read_corpus(_corpus_folder(arguments))
    out: Path = arguments.out
    triggered = read_triggered(out / SUSPECT / "triggered.tsv.gz")
    options = ServerOptions(
        model_store=arguments.model_store,
        models=archives_named([MODEL]),
        workers=arguments.workers,
        device=arguments.device,
        ports=Ports.free(),
        state_dir=out / "serve",
        state_home=out / "serve" / "state",  # what an earlier demo remembered must not help this one
    )
    say(f"\nserving {MODEL}.mar on loopback with {arguments.workers} workers; texts go by {' and '.join(TRANSPORTS)}")
    with serving(options) as server, server.client() as client:
        defense = ServedDefense(client, MODEL)
        cold = Defense.load(checkpoint, calibration=out / CALIBRATION, registry=NoRegistry())
        figures = evaluate(defense, cold=cold, clean=corpus.test, triggered=triggered, target_label=0)
        show_examples([example.text for example in triggered[:8]], defense([example.text for example in triggered[:8]]))
    return {"transports": list(TRANSPORTS), "workers": arguments.workers, **figures}


if __name__ == "__main__":
    raise SystemExit(main())
