"""What attacked texts reach without a backdoor: a clean checkpoint answers them, as a server loads it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.console.errors import LabError
from scripts.lab.defenses.base import Material
from scripts.lab.evaluation.twins import attackable, known_twins
from scripts.lab.training.undefended import attack_floor
from scripts.texts.corpora import Example, TriggeredExample
from scripts.texts.model_classes import model_classes


def measured_floor(
    checkpoint: Path,
    material: Material,
    *,
    clean: Sequence[Example],
    triggered: Sequence[TriggeredExample],
    target_label: int,
) -> dict[str, Any]:
    """As `attack_floor` has it, of the same texts and in the same window and precision as a defense is measured.

    Args:
        checkpoint: trained without an attack.
        material: of the victim.
        clean: test texts with their true labels.
        triggered: attacked texts.
        target_label: the class the attacker wants.

    Raises:
        XGraadError: the checkpoint cannot be loaded.
        LabError: it has other classes than the victim.
    """
    classifier = replace(material, checkpoint=checkpoint).classifier()
    wanted, found = len(model_classes(material.checkpoint) or ()), len(classifier.labels)
    if found != wanted:
        raise LabError(f"--floor must be a model with the checkpoint's {wanted} classes, has {found}")

    def predict(texts: Sequence[str]) -> NDArray[np.int64]:
        return np.asarray(classifier.logits(classifier.encode(texts)).argmax(dim=-1).numpy())

    return attack_floor(predict, known_twins(attackable(triggered, target_label), clean), target_label=target_label)
