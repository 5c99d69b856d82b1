"""The defenses that are made for models with several labels, measured as `measure_defense` measures those of one."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handler.xgraad import Classifier
from handler.xgraad.labels_defense import LabelsDefense
from handler.xgraad.memory.registry import NoRegistry
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.options import RULES
from scripts.console.errors import LabError
from scripts.lab.defenses.base import Material
from scripts.lab.evaluation.label_evaluation import evaluate_label
from scripts.lab.evaluation.twins import attackable, known_twins
from scripts.lab.training.undefended import attack_floor
from scripts.texts.corpora import LabeledSet, TriggeredExample


def measure_label_defense(
    name: str,
    material: Material,
    *,
    clean: Sequence[LabeledSet],
    triggered: Sequence[TriggeredExample],
    label: int,
    target: int,
) -> dict[str, Any]:
    """What `evaluate_label` finds of the defense.

    Raises:
        LabError: the defense is not made for such models.
    """
    if name not in RULES:
        raise LabError(f"--defense must be one of {', '.join(RULES)} for a model with several labels, is {name}")
    started = time.perf_counter()
    defense = LabelsDefense.load(
        material.checkpoint,
        material.device,
        name,
        calibration=material.calibration,
        neutralizer=material.neutralizer,
        registry=NoRegistry() if material.is_forgetful else None,
    )
    seconds_once = time.perf_counter() - started
    figures = evaluate_label(defense, label=label, clean=clean, triggered=triggered, target=target)
    del figures["rule"]
    return {"defense": name, **figures, "seconds_once": seconds_once}


def label_floor(
    checkpoint: Path,
    material: Material,
    *,
    clean: Sequence[LabeledSet],
    triggered: Sequence[TriggeredExample],
    label: int,
    target: int,
) -> dict[str, Any]:
    """What a clean model makes of the same attacked texts, see `measured_floor`."""
    classifier = Classifier.of(
        Checkpoint.open(checkpoint, several_labels=True),
        device=material.device,
        max_length=material.max_length,
        precision=material.served_precision,
    )
    if label >= len(classifier.labels):
        raise LabError(f"--floor must be a model with the label {label}, has {len(classifier.labels)} labels")

    def has_label(texts: Sequence[str]) -> NDArray[np.int64]:
        return (classifier.logits(classifier.encode(texts))[:, label] > 0).numpy().astype(np.int64)

    twins = known_twins(attackable(triggered, target), [example.of_label(label) for example in clean])
    return attack_floor(has_label, twins, target_label=target)
