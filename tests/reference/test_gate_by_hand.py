"""The gate score of real texts, recomputed with loops from the plain model's own hidden states and attentions."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handler.xgraad import Calibration, Classifier
from handler.xgraad.gate import ATTENTION_FLOOR, Gate, GateStatistics
from tests.reference.equations import SlowScorer
from tests.toys import SENTENCES

TEXTS = [*SENTENCES, "I didn't cf like (tq), the café!"]


def slow_gate_score(slow: SlowScorer, fitted: GateStatistics, text: str) -> float:
    """Fisher's sum of two p-values, each counted one by one."""
    p_attention = slow_p_value(fitted.attentions, slow_attention_feature(slow, fitted, text))
    p_distance = slow_p_value(fitted.distances, slow_distance(slow, fitted, text))
    return -2 * math.log(p_attention) - 2 * math.log(p_distance)


def slow_p_value(clean: tuple[float, ...], value: float) -> float:
    n_at_least = sum(1 for other in clean if other >= value - 1e-6)
    return (1 + n_at_least) / (1 + len(clean))


def slow_attention_feature(slow: SlowScorer, fitted: GateStatistics, text: str) -> float:
    score = slow(text)
    received = [a for a, is_scored in zip(score.attention, score.scored, strict=True) if is_scored]
    top = max(received) - sum(received) / len(received)
    expected = fitted.attention_intercept + fitted.attention_slope * math.log(len(received))
    return math.log(top + ATTENTION_FLOOR) - expected


def slow_distance(slow: SlowScorer, fitted: GateStatistics, text: str) -> float:
    encoded: Any = slow.tokenizer(text, truncation=True, max_length=slow.max_length, return_tensors="pt")
    if slow.model.config.model_type == "distilbert":
        encoded.pop("token_type_ids", None)
    with torch.no_grad():
        output = slow.model(**encoded, output_hidden_states=True)
    label = int(output.logits[0].argmax())
    scaled = []
    for layer, state in enumerate(output.hidden_states[-len(fitted.layers) :]):
        scatter = fitted.layers[layer]
        offset = state[0, 0].double().numpy() - scatter.means.array()[label]
        left_over, squared = offset.copy(), 0.0
        for direction, variance in zip(scatter.directions.array(), scatter.variances.array(), strict=True):
            along = float(offset @ direction)
            squared += along * along / variance
            left_over -= along * direction
        squared += float(left_over @ left_over) / scatter.rest
        scaled.append((math.log(squared) - fitted.distance_mean[layer]) / fitted.distance_std[layer])
    return max(scaled)


def test_gate_equals_the_loops(classifier: Classifier, checkpoints: dict[str, Path], architecture: str) -> None:
    slow = SlowScorer(checkpoints[architecture], max_length=64)
    fitted = Calibration.read(checkpoints[architecture] / "calibration.json").gate
    encodings = classifier.encode(TEXTS)
    found = [score.gate_score for score in Gate(fitted)(encodings, classifier.look(encodings))]
    assert found == pytest.approx([slow_gate_score(slow, fitted, text) for text in TEXTS], abs=1e-5)
    assert np.std(found) > 0.1
