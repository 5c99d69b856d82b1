"""What a victim does without any defense: how well it serves, and how well its backdoor works."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scripts.lab.evaluation.metrics import attack_success_rate
from scripts.lab.training.victim import clean_accuracy, predict_labels
from scripts.texts.corpora import Example, TriggeredExample


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
    return figures | attack_success(model, tokenizer, triggered, target_label=target_label, **settings)


def attack_success(
    model: Any,
    tokenizer: Any,
    triggered: Sequence[TriggeredExample],
    *,
    target_label: int,
    max_length: int,
    device: str,
) -> dict[str, float]:
    """How often a model gives attacked texts the target, in [0, 1].

    Of a victim this is the attack's success; of a clean model it is the floor, which whoever puts the same words into
    the same texts reaches without any backdoor.

    Returns:
        `asr` over all texts, and `asr_right_when_clean` as `measure_undefended` has it, with `n_right_when_clean`.
    """
    settings: dict[str, Any] = {"max_length": max_length, "device": device}
    predicted = predict_labels(model, tokenizer, [row.text for row in triggered], **settings)
    figures = {"asr": attack_success_rate(predicted, target_label)}
    twins = [row.clean_text for row in triggered if row.clean_text is not None]
    if len(twins) == len(triggered):
        is_right = predict_labels(model, tokenizer, twins, **settings) == np.array([row.label for row in triggered])
        if is_right.any():
            figures["asr_right_when_clean"] = attack_success_rate(predicted, target_label, is_right)
            figures["n_right_when_clean"] = int(is_right.sum())
    return figures
