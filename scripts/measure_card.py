"""Measure all that needs a GPU, in the minutes that there is one: tests, costs, memory, kernels, and some attacks.

Everything is made here, texts and a model of BERT-base's shape; nothing is downloaded and no server is started. Rows go
to files named as those in results/, each as soon as it is there.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from scripts import calibrate, evaluate_defense, measure_precision, measure_speed, train_attack
from scripts.console.command import CommandParser, Exit, positive, run_command, run_step, say
from scripts.console.errors import LabError
from scripts.results.provenance import REPOSITORY, attack_record, provenance
from scripts.results.rows import append_row
from scripts.texts.corpora import Corpus, read_texts, split_file, write_corpus

if TYPE_CHECKING:
    from scripts.lab.card.sizes import Size
    from scripts.lab.card.timetable import Part

EXAMPLES = """\
  python -m scripts.measure_card --out build/card                                       # make gpu: eight minutes
  python -m scripts.measure_card --out build/rehearsal --device cpu --size tiny         # every step, without a card
  cat build/card/speed.jsonl >> results/speed.jsonl                                     # and the others alike"""
SIZES = ("base", "tiny")
FIRST = "badnets"
CELLS = tuple((attack, target) for attack in (FIRST, "sentence", "meaningful_word") for target in (0, 1))
"""Attacks and their targets; the first victim is also the one whose costs are measured."""
N_HELD_OUT = 1000


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="measure_card", description=__doc__, examples=EXAMPLES)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for what is made and for the rows, new or empty"
    )
    parser.add_argument("--minutes", type=positive, default=8, help="after which nothing is begun any more (8)")
    parser.add_argument("--device", default="cuda", help="cpu, cuda or cuda:N (cuda)")
    parser.add_argument("--size", choices=SIZES, default="base", help="of the model and of what is measured (base)")
    return run_command(parser, _measure, argv)


def _measure(arguments: argparse.Namespace) -> Exit:
    from scripts.lab.card.sizes import SIZES as EVERY
    from scripts.lab.card.timetable import outcomes
    from scripts.lab.cost.speed import device_name

    deadline = time.monotonic() + 60 * arguments.minutes
    out: Path = arguments.out
    _require_device(arguments.device)
    if out.exists() and any(out.iterdir()):
        raise LabError(f"--out must be a new or empty folder, {out} is not; name another")
    out.mkdir(parents=True, exist_ok=True)
    where = {"device": arguments.device, "device_name": device_name(arguments.device), "size": arguments.size}
    failed = False
    for found in outcomes(all_parts(CardBench(out, EVERY[arguments.size], arguments.device)), deadline):
        append_row(out / "card.jsonl", {**found._asdict(), **where, **provenance()})
        say(f"\n== {found.part}: {found.outcome} {found.reason} ({found.seconds:.0f} s)")
        failed |= found.outcome == "failed"
    say("\n".join(map(str, sorted(out.glob("*.jsonl")))))
    return Exit.BELOW_TARGET if failed else Exit.DONE


def _require_device(name: str) -> None:
    import torch

    if name != "cpu" and not torch.cuda.is_available():
        raise LabError(f"--device is {name}, but torch finds no GPU here; pass --device cpu --size tiny to rehearse")


class CardBench(NamedTuple):
    """Where, how much, and on what."""

    out: Path
    """Folder for what is made and for the rows."""
    size: "Size"
    device: str

    def victim(self, attack: str, target: int) -> Path:
        """The checkpoint of one attack."""
        return self.out / "victims" / f"{attack}-t{target}"

    def calibration(self, victim: Path, precision: str) -> Path:
        """Made for this victim in this precision."""
        return self.out / f"{victim.name}-{precision}.json"

    @property
    def base(self) -> Path:
        """The encoder that victims start from."""
        return self.out / "base"

    @property
    def data(self) -> Path:
        """The texts, in three splits."""
        return self.out / "data"


def all_parts(bench: CardBench) -> "list[Part]":
    """The most wanted first."""
    from scripts.lab.card.timetable import Part

    first, cells = bench.victim(*CELLS[0]), CELLS[: bench.size.n_attacks]
    return [
        Part("tests", partial(_tests, bench), 30),
        Part("victim", partial(_victim, bench, *CELLS[0]), 30),
        *(
            Part(f"speed {precision}", partial(_speed, bench, first, precision), 45)
            for precision in bench.size.precisions
        ),
        Part("kernels", partial(_kernels, bench, first), 15),
        Part("memory", partial(_memory, bench, first), 45),
        Part("precision", partial(_precision, bench, first), 20),
        *(Part(f"{attack} t{target}", partial(_cell, bench, attack, target), 45) for attack, target in cells),
    ]


def _tests(bench: CardBench, left_s: float) -> None:
    """In a process of their own, as some of them spoil a device."""
    from scripts.lab.card.sizes import DEVICE

    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", *bench.size.tests, "tests/gpu"]
    environment = os.environ | {DEVICE: bench.device}
    done = subprocess.run(words, cwd=REPOSITORY, env=environment, timeout=left_s, check=False)
    if done.returncode:
        raise LabError(f"pytest ended with exit code {done.returncode}; see above")


def _victim(bench: CardBench, attack: str, target: int, left_s: float) -> None:
    from scripts.lab.training.small_bert import small_bert
    from scripts.lab.training.synthetic import generate_corpus

    size = bench.size
    if not bench.base.exists():
        corpus = generate_corpus(seed=0, n_train=size.n_train, n_dev=N_HELD_OUT, n_test=N_HELD_OUT)
        short = Corpus(*([each for each in split if len(each.text.split()) <= size.n_words] for split in corpus))
        write_corpus(bench.data, short)
        small_bert(short, bench.base, seed=0, shape=size.shape)
    run_step(
        train_attack.main,
        attack=attack,
        base=bench.base,
        data=bench.data,
        out=bench.victim(attack, target),
        target_label=target,
        epochs=size.epochs,
        learning_rate=size.learning_rate,
        max_length=min(128, size.max_length),
        precision="bfloat16",
        device=bench.device,
    )


def _calibrated(bench: CardBench, victim: Path, precision: str) -> Path:
    calibration = bench.calibration(victim, precision)
    if not calibration.exists():
        run_step(
            calibrate.main,
            checkpoint=victim,
            data=split_file(bench.data, "dev"),
            limit=bench.size.n_calibration,
            max_length=bench.size.max_length,
            precision=precision,
            device=bench.device,
            out=calibration,
        )
    return calibration


def _speed(bench: CardBench, victim: Path, precision: str, left_s: float) -> None:
    run_step(measure_speed.main, no_memory=True, **_speed_options(bench, victim, precision))


def _memory(bench: CardBench, victim: Path, left_s: float) -> None:
    """Peaks at the longest, and growth; each in a process of its own, which takes most of the time."""
    options = _speed_options(bench, victim, bench.size.precisions[0])
    few = {"lengths": bench.size.lengths[-1], "batches": bench.size.batches[-1], "passes": "plain", "seconds": 1}
    run_step(measure_speed.main, calls=5 * bench.size.n_clean, **options | few)


def _speed_options(bench: CardBench, victim: Path, precision: str) -> dict[str, object]:
    return {
        "checkpoint": victim,
        "calibration": _calibrated(bench, victim, precision),
        "data": split_file(bench.data, "test"),
        "lengths": bench.size.lengths,
        "batches": bench.size.batches,
        "passes": bench.size.passes,
        "seconds": bench.size.seconds,
        "device": bench.device,
        "append": bench.out / "speed.jsonl",
    }


def _kernels(bench: CardBench, victim: Path, left_s: float) -> None:
    from scripts.lab.card.kernels import profiled
    from scripts.lab.cost.passes import ComparedModels
    from scripts.lab.cost.speed import SpeedCell, device_name

    texts = read_texts(split_file(bench.data, "test"))
    cells = [SpeedCell(tokens, bench.size.batches[-1]) for tokens in bench.size.lengths]
    made = {**attack_record(victim), "device": bench.device, "device_name": device_name(bench.device), **provenance()}
    for precision in bench.size.precisions:
        models = ComparedModels(victim, _calibrated(bench, victim, precision), device=bench.device)
        for found in profiled(models, cells, texts):
            append_row(bench.out / "kernels.jsonl", {**made, "precision": precision, **asdict(found)})


def _precision(bench: CardBench, victim: Path, left_s: float) -> None:
    run_step(
        measure_precision.main,
        checkpoint=victim,
        clean=split_file(bench.data, "test"),
        triggered=victim / "triggered.tsv.gz",
        limit=bench.size.n_triggered,
        max_length=bench.size.max_length,
        device=bench.device,
        append=bench.out / "precision.jsonl",
    )


def _cell(bench: CardBench, attack: str, target: int, left_s: float) -> None:
    victim = bench.victim(attack, target)
    if not victim.exists():
        _victim(bench, attack, target, left_s)
    run_step(
        evaluate_defense.main,
        checkpoint=victim,
        calibration=_calibrated(bench, victim, bench.size.precisions[0]),
        clean=split_file(bench.data, "test"),
        triggered=victim / "triggered.tsv.gz",
        limit=bench.size.n_clean,
        max_triggered=bench.size.n_triggered,
        device=bench.device,
        append=bench.out / "defense.jsonl",
    )


if __name__ == "__main__":
    raise SystemExit(main())
