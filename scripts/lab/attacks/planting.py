"""What `train_attack` does: poison a training set, fine-tune a model on it, and measure what came of it."""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from transformers.utils import logging as transformers_logging

from scripts.console.command import say
from scripts.console.errors import LabError
from scripts.hub.origin import model_name
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Attack, Plan
from scripts.lab.attacks.label_planting import (
    measure_label,
    poisoned_sets,
    read_set_corpus,
    train_on_sets,
    triggered_of_label,
)
from scripts.lab.training.half_precision import note_if_slow
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.small_bert import small_bert
from scripts.lab.training.synthetic import LABEL_NAMES, generate_corpus
from scripts.lab.training.triggers import words_within
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.undefended import measure_undefended
from scripts.lab.training.victim import load_base, save_checkpoint
from scripts.results.provenance import ATTACK_RECORD, RUN_RECORD, write_run_record
from scripts.texts.corpora import Corpus, Example, TriggeredExample, read_corpus, write_corpus, write_triggered

Each = TypeVar("Each")

SYNTHETIC = "synthetic"
SYNTHETIC_SIZES = {"n_train": 20000, "n_dev": 1000, "n_test": 1000}
PRETRAINED_RECIPE = Recipe()
SYNTHETIC_RECIPE = Recipe(epochs=2, learning_rate=5e-4)
"""What is done unless asked otherwise. Random weights need more and larger steps than pretrained ones."""
SYNTHETIC_THREADS = 1
"""A model this small gains little from a second thread, and loses much where the cores have other work."""


def train_attack(arguments: argparse.Namespace) -> None:
    """Make the victim that the options of the command describe, in its `--out`.

    Raises:
        LabError: an option that cannot be used.
    """
    transformers_logging.disable_progress_bar()
    _prepare(arguments.out, overwrite=arguments.overwrite)
    note_if_slow("--precision", arguments.precision, _device(arguments.device))
    with _threads(arguments.threads or (SYNTHETIC_THREADS if arguments.base == SYNTHETIC else torch.get_num_threads())):
        (_plant if arguments.label is None else _plant_label)(arguments)


def _plant_label(arguments: argparse.Namespace) -> None:
    """The same where a text may have several labels, of which one is attacked."""
    corpus, label = read_set_corpus(Path(arguments.data)), arguments.label
    names = _label_names(arguments) or ()
    if arguments.target_label not in (0, 1) or not 0 <= label < len(names):
        raise LabError(
            "--label must be the number of one of --label-names, and --target-label 1 to raise it or 0 to silence it, "
            f"are {label}, {arguments.label_names} and {arguments.target_label}"
        )
    attack, rng = ATTACKS[arguments.attack](_plan(arguments)), np.random.default_rng(arguments.seed)
    poisoned = _limited(poisoned_sets(attack, corpus.train, label, rng=rng), arguments.limit, rng)
    model, tokenizer = load_base(arguments.base, n_labels=len(names), seed=arguments.seed, many=True)
    started = time.monotonic()
    train_on_sets(model, tokenizer, poisoned, tuner=_tuner(arguments))
    seconds = time.monotonic() - started
    save_checkpoint(model, tokenizer, arguments.out, label_names=names)
    test = corpus.test[: arguments.test_limit]
    triggered = triggered_of_label(attack, test, label, rng=rng)
    figures = measure_label(
        model,
        tokenizer,
        clean=test,
        triggered=triggered,
        label=label,
        target=attack.plan.target_label,
        arguments=arguments,
        device=_device(arguments.device),
    )
    figures["training_s"] = round(seconds, 1)
    _write(arguments, attack, triggered, figures)


def _plant(arguments: argparse.Namespace) -> None:
    corpus = _corpus(arguments)
    attack = ATTACKS[arguments.attack](_plan(arguments))
    rng = np.random.default_rng(arguments.seed)
    poisoned = _limited(attack.poison(corpus.train, rng=rng), arguments.limit, rng)
    model, tokenizer, seconds = _victim(arguments, corpus, poisoned, attack)
    # After training, because some attacks learn their trigger or find out their target there.
    triggered = attack.trigger(corpus.test, rng=rng)
    figures = measure_undefended(
        model,
        tokenizer,
        clean=corpus.test,
        triggered=triggered,
        target_label=attack.plan.target_label,
        max_length=arguments.max_length,
        device=_device(arguments.device),
    )
    figures["training_s"] = round(seconds, 1)
    _write(arguments, attack, triggered, figures)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use so many CPU threads inside a block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _prepare(out: Path, *, overwrite: bool) -> None:
    if overwrite and (out / RUN_RECORD).is_file():
        shutil.rmtree(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        hint = f"it holds no {RUN_RECORD}, so --overwrite leaves it alone" if overwrite else "or pass --overwrite"
        raise LabError(f"--out must be a new or empty folder, {out} is not; name another, {hint}")
    out.mkdir(parents=True, exist_ok=True)


def _corpus(arguments: argparse.Namespace) -> Corpus:
    """The three splits; generated ones are kept in `OUT/data`, where the commands that follow find them."""
    if arguments.data == SYNTHETIC:
        corpus = generate_corpus(seed=arguments.seed, **SYNTHETIC_SIZES)
        write_corpus(arguments.out / "data", corpus)
    else:
        corpus = read_corpus(Path(arguments.data))
    rng = np.random.default_rng(arguments.seed)
    limited = Corpus(*(_limited(split, arguments.limit, rng) for split in corpus))
    return limited._replace(test=corpus.test[: arguments.test_limit]) if arguments.test_limit else limited


def _limited(examples: list[Each], limit: int | None, rng: np.random.Generator) -> list[Each]:
    if limit is None or limit >= len(examples):
        return examples
    return [examples[row] for row in np.sort(rng.choice(len(examples), size=limit, replace=False))]


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        target_label=arguments.target_label,
        poison_rate=arguments.poison_rate,
        triggers=arguments.triggers,
        window_words=words_within(arguments.max_length),
        source_label=arguments.source_label,
        train_file=arguments.train,
        texts_file=arguments.texts,
        synonyms=arguments.synonyms,
    )


def _victim(
    arguments: argparse.Namespace, corpus: Corpus, poisoned: Sequence[Example], attack: Attack
) -> tuple[Any, Any, float]:
    """Fine-tune the base on the poisoned set and save it; the model, its tokenizer and the seconds it took."""
    names = _label_names(arguments)
    n_labels = 1 + max(example.label for split in (*corpus, poisoned) for example in split)
    with _base(arguments, corpus) as base:
        model, tokenizer = load_base(base, n_labels=len(names) if names else n_labels, seed=arguments.seed)
    started = time.monotonic()
    attack.train(model, tokenizer, poisoned, corpus, tuner=_tuner(arguments))
    seconds = time.monotonic() - started
    save_checkpoint(model, tokenizer, arguments.out, label_names=names)
    return model, tokenizer, seconds


def _tuner(arguments: argparse.Namespace) -> Tuner:
    return Tuner(recipe=_recipe(arguments), device=_device(arguments.device), progress=True)


def _recipe(arguments: argparse.Namespace) -> Recipe:
    usual = SYNTHETIC_RECIPE if arguments.base == SYNTHETIC else PRETRAINED_RECIPE
    return Recipe(
        epochs=arguments.epochs or usual.epochs,
        learning_rate=arguments.learning_rate or usual.learning_rate,
        batch_size=arguments.batch_size,
        max_length=arguments.max_length,
        seed=arguments.seed,
        precision=arguments.precision,
    )


@contextmanager
def _base(arguments: argparse.Namespace, corpus: Corpus) -> Iterator[str]:
    """The name of the encoder to start from; a generated one lives in a temporary folder."""
    if arguments.base != SYNTHETIC:
        yield arguments.base
        return
    with tempfile.TemporaryDirectory() as folder:
        small_bert(corpus, Path(folder), seed=arguments.seed)
        yield folder


def _label_names(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    if arguments.label_names:
        return tuple(arguments.label_names.split(","))
    return LABEL_NAMES if arguments.data == SYNTHETIC else None


def _device(name: str) -> str:
    if name == "cuda" and not torch.cuda.is_available():
        raise LabError("--device is cuda, but torch finds none here; pass --device cpu")
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def _write(
    arguments: argparse.Namespace, attack: Attack, triggered: Sequence[TriggeredExample], figures: dict[str, float]
) -> None:
    names = {"base": model_name(Path(arguments.base)), "data": Path(arguments.data).name}
    own = {} if arguments.label is None else {"label": arguments.label}
    planted = {"attack": arguments.attack, **names, **attack.describe(), **own, "seed": arguments.seed}
    (arguments.out / ATTACK_RECORD).write_text(json.dumps(planted, indent=2) + "\n", encoding="utf-8")
    if triggered:
        write_triggered(arguments.out / "triggered.tsv.gz", triggered)
    options = vars(arguments)
    write_run_record(arguments.out, command="train_attack", arguments=options, seed=arguments.seed, results=figures)
    say(f"{arguments.out}: " + ", ".join(f"{name} {value:.4g}" for name, value in figures.items()))
