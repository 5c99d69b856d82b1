"""What is measured while there is a card: the tests that want one, then costs, then attacks as long as time lasts."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

from scripts import calibrate, evaluate_defense, measure_precision, measure_speed, train_attack
from scripts.console.command import run_step
from scripts.console.errors import LabError
from scripts.lab.card.sizes import Size
from scripts.lab.card.timetable import Part
from scripts.lab.training.small_bert import small_bert
from scripts.lab.training.synthetic import generate_corpus
from scripts.results.provenance import REPOSITORY, attack_record, provenance
from scripts.results.rows import append_row
from scripts.texts.corpora import Corpus, read_texts, split_file, write_corpus

DEVICE = "XGRAAD_TEST_DEVICE"
"""Environment variable that tells the tests for a GPU which device to take."""
FIRST = "badnets"
CELLS = tuple((attack, target) for attack in (FIRST, "sentence", "meaningful_word") for target in (0, 1))
"""Attacks and their targets; the first victim is also the one whose costs are measured."""
N_HELD_OUT = 1000


class Bench(NamedTuple):
    """Where, how much, and on what."""

    out: Path
    """Folder for what is made and for the rows."""
    size: Size
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

    def rows(self, name: str) -> Path:
        """The file of one kind of rows."""
        return self.out / f"{name}.jsonl"


def all_parts(bench: Bench) -> list[Part]:
    """The most wanted first."""
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


def _tests(bench: Bench, left_s: float) -> None:
    """In a process of their own, as some of them spoil a device."""
    words = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", *bench.size.tests, "tests/gpu"]
    environment = os.environ | {DEVICE: bench.device}
    done = subprocess.run(words, cwd=REPOSITORY, env=environment, timeout=left_s, check=False)
    if done.returncode:
        raise LabError(f"pytest ended with exit code {done.returncode}; see above")


def _victim(bench: Bench, attack: str, target: int, left_s: float) -> None:
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


def _calibrated(bench: Bench, victim: Path, precision: str) -> Path:
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


def _speed(bench: Bench, victim: Path, precision: str, left_s: float) -> None:
    run_step(measure_speed.main, no_memory=True, **_speed_options(bench, victim, precision))


def _memory(bench: Bench, victim: Path, left_s: float) -> None:
    """Peaks at the longest, and growth; each in a process of its own, which takes most of the time."""
    options = _speed_options(bench, victim, bench.size.precisions[0])
    few = {"lengths": bench.size.lengths[-1], "batches": bench.size.batches[-1], "passes": "plain", "seconds": 1}
    run_step(measure_speed.main, calls=5 * bench.size.n_clean, **options | few)


def _speed_options(bench: Bench, victim: Path, precision: str) -> dict[str, object]:
    return {
        "checkpoint": victim,
        "calibration": _calibrated(bench, victim, precision),
        "data": split_file(bench.data, "test"),
        "lengths": bench.size.lengths,
        "batches": bench.size.batches,
        "passes": bench.size.passes,
        "seconds": bench.size.seconds,
        "device": bench.device,
        "append": bench.rows("speed"),
    }


def _kernels(bench: Bench, victim: Path, left_s: float) -> None:
    from scripts.lab.card.kernels import profiled
    from scripts.lab.cost.passes import ComparedModels
    from scripts.lab.cost.speed import SpeedCell, device_name

    texts = read_texts(split_file(bench.data, "test"))
    cells = [SpeedCell(tokens, bench.size.batches[-1]) for tokens in bench.size.lengths]
    for precision in bench.size.precisions:
        models = ComparedModels(victim, _calibrated(bench, victim, precision), device=bench.device)
        for found in profiled(models, cells, texts):
            where = {"device": bench.device, "device_name": device_name(bench.device), "precision": precision}
            append_row(bench.rows("kernels"), {**attack_record(victim), **where, **asdict(found), **provenance()})


def _precision(bench: Bench, victim: Path, left_s: float) -> None:
    run_step(
        measure_precision.main,
        checkpoint=victim,
        clean=split_file(bench.data, "test"),
        triggered=victim / "triggered.tsv.gz",
        limit=bench.size.n_triggered,
        max_length=bench.size.max_length,
        device=bench.device,
        append=bench.rows("precision"),
    )


def _cell(bench: Bench, attack: str, target: int, left_s: float) -> None:
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
        append=bench.rows("defense"),
    )


def rows_written(out: Path) -> Sequence[Path]:
    """The files of rows in a folder."""
    return sorted(out.glob("*.jsonl"))
