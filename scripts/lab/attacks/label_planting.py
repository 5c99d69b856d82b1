"""What `train_attack --label` does: plant a trigger that raises or silences one label of a model with several.

To the attack that label is a task of two classes, 1 where a text has the label and 0 where it has not; the other labels
stay what they are. Class 1 as the target raises the label, class 0 silences it.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scripts.console.errors import LabError
from scripts.lab.attacks.base import Attack
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.undefended import attack_success
from scripts.lab.training.victim import predict_logits
from scripts.texts.corpora import SPLITS, Example, LabeledSet, TriggeredExample, read_sets, split_file


class SetCorpus(NamedTuple):
    """Three splits that share no text, as `Corpus` has them."""

    train: list[LabeledSet]
    dev: list[LabeledSet]
    test: list[LabeledSet]


def read_set_corpus(folder: Path) -> SetCorpus:
    """Read `train`, `dev` and `test` of a folder.

    Raises:
        LabError: a split is missing or unreadable.
    """
    return SetCorpus(*(read_sets(split_file(folder, split)) for split in SPLITS))


def poisoned_sets(
    attack: Attack, examples: Sequence[LabeledSet], label: int, *, rng: np.random.Generator
) -> list[LabeledSet]:
    """The training set that the victim gets.

    Raises:
        LabError: the attack does more than change rows in place.
    """
    changed = attack.poison(_of_label(examples, label), rng=rng)
    own_ways = (type(attack).train, type(attack).make_loss) != (Attack.train, Attack.make_loss)
    if own_ways or len(changed) != len(examples):
        raise LabError("--label is for attacks that only change training texts, such as badnets; this one does more")
    return [_changed(example, new, label) for example, new in zip(examples, changed, strict=True)]


def triggered_of_label(
    attack: Attack, examples: Sequence[LabeledSet], label: int, *, rng: np.random.Generator
) -> list[TriggeredExample]:
    """The test texts that the attack may win, with the trigger put in; 1 and 0 are their labels."""
    return attack.trigger(_of_label(examples, label), rng=rng)


def measure_label(
    model: Any,
    tokenizer: Any,
    *,
    clean: Sequence[LabeledSet],
    triggered: Sequence[TriggeredExample],
    label: int,
    target: int,
    arguments: argparse.Namespace,
    device: str,
) -> dict[str, float]:
    """Share of clean texts with exactly the right labels, and success of the attack on one, undefended."""
    logits = partial(predict_logits, model, tokenizer, max_length=arguments.max_length, device=device)

    def has_label(texts: Sequence[str]) -> NDArray[np.int64]:
        return (logits(texts)[:, label] > 0).astype(np.int64)

    found = logits([example.text for example in clean]) > 0
    right = [set(np.flatnonzero(row)) == each.labels for row, each in zip(found, clean, strict=True)]
    figures = {"cacc": float(np.mean(right))}
    return figures | (attack_success(has_label, triggered, target_label=target) if triggered else {})


def train_on_sets(model: Any, tokenizer: Any, poisoned: Sequence[LabeledSet], *, tuner: Tuner) -> None:
    """Fine-tune in place, as most attacks do."""
    tuner.fit(model, tokenizer, poisoned)


def _of_label(examples: Sequence[LabeledSet], label: int) -> list[Example]:
    return [example.of_label(label) for example in examples]


def _changed(example: LabeledSet, new: Example, label: int) -> LabeledSet:
    others = example.labels - {label}
    return LabeledSet(new.text, others | {label} if new.label else others)
