"""The whole way in one command: plant a backdoor, show that it works, calibrate, pack, serve, and show that it is gone.

Without options everything is made here: the texts, the small BERT and its backdoor. Nothing is downloaded.
"""

import argparse
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts import build_archive, calibrate, train_attack
from scripts.console.command import CommandParser, Exit, positive, rate, run_command, run_step, say
from scripts.console.errors import LabError
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import append_row
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from scripts.texts.corpora import read_corpus, read_triggered, split_file

EXAMPLES = """\
  python -m scripts.demo                                                    # about two minutes, nothing downloaded
  python -m scripts.demo --base bert-base-uncased --data ../shared/data/sst2 --epochs 3 --learning-rate 2e-5"""
MODEL = "demo"
SYNTHETIC = "synthetic"
MAX_ASR = 0.02
"""Above this success of an attacker's first text the demo leaves with exit code 1."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="demo", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--base", default=SYNTHETIC, help="encoder to poison: a folder or a hub name (made here)")
    parser.add_argument("--data", default=SYNTHETIC, help="folder with train, dev and test (made here)")
    parser.add_argument("--epochs", type=positive, help="passes over the training set")
    parser.add_argument("--learning-rate", type=float, help="highest learning rate")
    parser.add_argument("--limit", type=positive, help="train on the first N texts only")
    parser.add_argument("--max-fpr", type=rate, default=0.05, help="share of clean texts that may be flagged (0.05)")
    parser.add_argument("--workers", type=positive, default=2, help="TorchServe workers (2)")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="where workers run (cpu)")
    parser.add_argument("--seed", type=int, default=0, help="of texts, weights and training (0)")
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder for what is made")
    parser.add_argument("--model-store", type=Path, default=Path("model_store"), help="folder for demo.mar")
    parser.add_argument("--append", type=Path, help="also append the summary to this JSON lines file")
    return run_command(parser, _demo, argv)


def _demo(arguments: argparse.Namespace) -> Exit:
    from scripts.console.demo_view import show_figures

    start = time.monotonic()
    out: Path = arguments.out
    _clear(out)
    _plant(arguments, out)
    _calibrate_and_pack(arguments, out)
    figures = _serve_and_measure(arguments, out)
    figures["seconds"] = time.monotonic() - start
    summary = {**attack_record(out / "checkpoint"), **figures, **provenance()}
    append_row(out / "summary.json", summary)  # the folder was cleared: this is its only row
    if arguments.append:
        append_row(arguments.append, summary)
    show_figures(summary)
    say(f"{out / 'summary.json'}: {figures['seconds']:.0f} s in all")
    return Exit.DONE if figures["attack_works"] and figures["asr_cold"] <= MAX_ASR else Exit.BELOW_TARGET


def _clear(out: Path) -> None:
    """Remove what an earlier demo made, and nothing else."""
    made = ("checkpoint", "serve", "calibration.json", "summary.json")
    foreign = sorted(path.name for path in out.iterdir() if path.name not in made) if out.exists() else []
    if foreign:
        raise LabError(f"--out {out}: holds {foreign[0]}, which the demo did not make; name another folder")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)


def _plant(arguments: argparse.Namespace, out: Path) -> None:
    run_step(
        train_attack.main,
        attack="badnets",
        base=arguments.base,
        data=arguments.data,
        out=out / "checkpoint",
        epochs=arguments.epochs,
        learning_rate=arguments.learning_rate,
        limit=arguments.limit,
        seed=arguments.seed,
    )


def _calibrate_and_pack(arguments: argparse.Namespace, out: Path) -> None:
    checkpoint, calibration = out / "checkpoint", out / "calibration.json"
    dev = split_file(_corpus_folder(arguments), "dev")
    run_step(calibrate.main, checkpoint=checkpoint, data=dev, max_fpr=arguments.max_fpr, out=calibration)
    shutil.copyfile(calibration, checkpoint / calibration.name)
    store = arguments.model_store
    run_step(build_archive.main, name=MODEL, checkpoint=checkpoint, calibration=calibration, model_store=store)


def _corpus_folder(arguments: argparse.Namespace) -> Path:
    """Where the three splits are; made ones lie beside the checkpoint."""
    return arguments.out / "checkpoint" / "data" if arguments.data == SYNTHETIC else Path(arguments.data)


def _serve_and_measure(arguments: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Start a server on free ports, send it every test text, stop it whatever happens."""
    from handler.xgraad import Defense, NoRegistry
    from scripts.console.demo_view import show_examples
    from scripts.lab.evaluation.evaluation import evaluate
    from scripts.serving.served_defense import TRANSPORTS, ServedDefense
    from scripts.serving.server import serving

    corpus = read_corpus(_corpus_folder(arguments))
    triggered = read_triggered(out / "checkpoint" / "triggered.tsv.gz")
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
        cold = Defense.load(out / "checkpoint", calibration=out / "calibration.json", registry=NoRegistry())
        figures = evaluate(defense, cold=cold, clean=corpus.test, triggered=triggered, target_label=0)
        show_examples([example.text for example in triggered[:8]], defense([example.text for example in triggered[:8]]))
    return {"transports": list(TRANSPORTS), "workers": arguments.workers, **figures}


if __name__ == "__main__":
    raise SystemExit(main())
