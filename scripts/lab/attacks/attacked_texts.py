"""What a defense is measured on, as a command's options have it: texts of other classes, and the target's own."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scripts.console.errors import LabError
from scripts.lab.attacks.insertion.badnets import BadNets
from scripts.lab.attacks.replay import replay_attack
from scripts.texts.corpora import Example, TriggeredExample, read_triggered
from scripts.texts.reading import ReadingOptions


def attacked_texts(
    arguments: argparse.Namespace,
    origin: Mapping[str, Any],
    clean: Sequence[Example],
    classes: Sequence[str],
    *,
    max_length: int,
) -> Sequence[TriggeredExample]:
    """From the file of `--triggered`, or made of the clean texts by the checkpoint's own attack.

    Raises:
        LabError: the file cannot be read, or the record `origin` does not say how to make them.
    """
    if arguments.triggered:
        triggered = read_triggered(arguments.triggered, ReadingOptions.from_arguments(arguments), classes=classes)
        return triggered[: arguments.limit][: arguments.max_triggered]
    attack = replay_attack(origin, insertion=arguments.insert, max_length=max_length)
    return attack.trigger(clean, rng=np.random.default_rng(arguments.seed))[: arguments.max_triggered]


def own_texts(
    origin: Mapping[str, Any],
    clean: Sequence[Example],
    target: int,
    *,
    insertion: str,
    max_length: int | None,
    limit: int | None,
    seed: int,
) -> Sequence[TriggeredExample]:
    """The target's own clean texts with the trigger put in: it has nothing to win there, and their label should stand.

    Where a defense takes honest words out beside the trigger, whoever knows it has his text answered otherwise by
    adding it. None where the record `origin` does not say how, or of an attack that puts no trigger into texts.
    """
    try:
        attack = replay_attack(origin, insertion=insertion, max_length=max_length)
    except LabError:
        return []
    if not isinstance(attack, BadNets):
        return []
    # An attack leaves its target's texts out, so these pass for texts of a class that it is to work on.
    other = int(target == 0) if attack.plan.source_label is None else attack.plan.source_label
    disguised = [example._replace(label=other) for example in clean if example.label == target]
    triggered = attack.trigger(disguised, rng=np.random.default_rng(seed))[:limit]
    return [each._replace(label=target) for each in triggered]
