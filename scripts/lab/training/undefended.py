"""What a victim does without any defense: how well it serves, and how well its backdoor works."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.lab.evaluation.metrics import attack_success_rate, rate_interval
from scripts.lab.training.victim import clean_accuracy, predict_labels
from scripts.texts.corpora import Example, TriggeredExample

Predict = Callable[[Sequence[str]], NDArray[np.int64]]
"""A model: texts to class numbers."""


def measure_undefended(
    model: Any,
    tokenizer: Any,
    *,
    clean: Sequence[Example],
    triggered: Sequence[TriggeredExample],
    target_label: int,
    max_length: int,
    device: str,
) -> dict[str, float]:
    """Clean accuracy and attack success, in [0, 1].

    Returns:
        `cacc`; with triggered texts `asr` over all of them, and `asr_right_when_clean` over those whose clean twin the
        model has right, where every twin is known and any is right.
    """
    settings: dict[str, Any] = {"max_length": max_length, "device": device}
    figures = {"cacc": clean_accuracy(model, tokenizer, clean, **settings)}
    if not triggered:
        return figures
    predict = partial(predict_labels, model, tokenizer, **settings)
    return figures | attack_success(predict, triggered, target_label=target_label)


def attack_success(predict: Predict, triggered: Sequence[TriggeredExample], *, target_label: int) -> dict[str, float]:
    """How often a model gives attacked texts the target, in [0, 1].

    Returns:
        `asr` over all texts, and `asr_right_when_clean` as `measure_undefended` has it, with `n_right_when_clean`.
    """
    predicted = predict([row.text for row in triggered])
    figures = {"asr": attack_success_rate(predicted, target_label)}
    twins = [row.clean_text for row in triggered if row.clean_text is not None]
    if len(twins) == len(triggered):
        is_right = predict(twins) == np.array([row.label for row in triggered])
        if is_right.any():
            figures["asr_right_when_clean"] = attack_success_rate(predicted, target_label, is_right)
            figures["n_right_when_clean"] = int(is_right.sum())
    return figures


def attack_floor(predict: Predict, triggered: Sequence[TriggeredExample], *, target_label: int) -> dict[str, Any]:
    """How often a clean model gives attacked texts the target: what is reached without any backdoor.

    Args:
        predict: the clean model.
        triggered: the attacked texts of a victim.
        target_label: the class the attacker wants.

    Returns:
        `asr_floor`, over the `n_floor` texts whose clean twin this model has right, or over all where twins are
        unknown; and its 95 % `asr_floor_interval`.
    """
    found = attack_success(predict, triggered, target_label=target_label)
    n = int(found.get("n_right_when_clean", len(triggered)))
    floor = found.get("asr_right_when_clean", found["asr"])
    return {"asr_floor": floor, "asr_floor_interval": list(rate_interval(round(floor * n), n)), "n_floor": n}
