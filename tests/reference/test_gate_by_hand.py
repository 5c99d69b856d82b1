"""The gate score of real texts, recomputed with loops from the plain model's own hidden states and attentions."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from handler.xgraad import Calibration, Classifier
from handler.xgraad.scoring.gate import ATTENTION_FLOOR, Gate, GateStatistics
from tests.reference.equations import SlowScorer
from tests.toys import SENTENCES

TEXTS = [*SENTENCES, "I didn't cf like (tq), the café!"]


class Pass(NamedTuple):
    """What the plain model says of one text when it is asked for everything."""

    logits: list[float]
    states: list[Any]
    """The first token's hidden state after each layer."""
    first_row: list[list[float]]
    """For each head of the last layer what the first token attends to."""


def plain_pass(slow: SlowScorer, text: str) -> Pass:
    encoded: Any = slow.tokenizer(text, truncation=True, max_length=slow.max_length, return_tensors="pt")
    if slow.model.config.model_type == "distilbert":
        encoded.pop("token_type_ids", None)
    with torch.no_grad():
        output = slow.model(**encoded, output_hidden_states=True, output_attentions=True)
    states = [state[0, 0].double().numpy() for state in output.hidden_states[1:]]
    return Pass(output.logits[0].tolist(), states, [head[0].tolist() for head in output.attentions[-1][0]])


def slow_gate_score(slow: SlowScorer, fitted: GateStatistics, text: str) -> float:
    """Fisher's sum of three p-values, each counted one by one."""
    plain = plain_pass(slow, text)
    label = plain.logits.index(max(plain.logits))
    ranks = (
        slow_p_value(fitted.attentions, slow_attention_feature(slow, fitted, text, plain)),
        slow_p_value(fitted.distances, slow_distance(fitted, plain, label)),
        slow_p_value(fitted.margins[label], slow_margin(plain, label)),
    )
    return sum(-2 * math.log(rank) for rank in ranks)


def slow_p_value(clean: tuple[float, ...], value: float) -> float:
    n_at_least = sum(1 for other in clean if other >= value - 1e-6)
    return (1 + n_at_least) / (1 + len(clean))


def slow_attention_feature(slow: SlowScorer, fitted: GateStatistics, text: str, plain: Pass) -> float:
    scored = slow(text).scored
    paid = [sum(head[token] for head in plain.first_row) / len(plain.first_row) for token in range(len(scored))]
    top = max(value for value, is_scored in zip(paid, scored, strict=True) if is_scored)
    expected = fitted.attention_intercept + fitted.attention_slope * math.log(sum(scored))
    return math.log(top + ATTENTION_FLOOR) - expected


def slow_margin(plain: Pass, label: int) -> float:
    return plain.logits[label] - max(logit for other, logit in enumerate(plain.logits) if other != label)


def slow_distance(fitted: GateStatistics, plain: Pass, label: int) -> float:
    scaled = []
    for layer, state in enumerate(plain.states[-len(fitted.layers) :]):
        scatter = fitted.layers[layer]
        offset = state - scatter.means.array()[label]
        left_over, squared = offset.copy(), 0.0
        for direction, variance in zip(scatter.directions.array(), scatter.variances.array(), strict=True):
            along = float(offset @ direction)
            squared += along * along / variance
            left_over -= along * direction
        squared += float(left_over @ left_over) / scatter.rest
        scaled.append((math.log(squared) - fitted.distance_mean[layer]) / fitted.distance_std[layer])
    return sum(scaled) / len(scaled)


def test_gate_equals_the_loops(classifier: Classifier, checkpoints: dict[str, Path], architecture: str) -> None:
    slow = SlowScorer(checkpoints[architecture], max_length=64)
    fitted = Calibration.read(checkpoints[architecture] / "calibration.json").gate
    encodings = classifier.encode(TEXTS)
    found = [score.gate_score for score in Gate(fitted)(encodings, classifier.look(encodings))]
    assert found == pytest.approx([slow_gate_score(slow, fitted, text) for text in TEXTS], abs=1e-5)
    assert np.std(found) > 0.1


def test_decision_attention_equals_the_plain_models(
    classifier: Classifier, checkpoints: dict[str, Path], architecture: str
) -> None:
    """Of texts of many lengths at once, so that most are padded."""
    slow = SlowScorer(checkpoints[architecture], max_length=64)
    encodings = classifier.encode(TEXTS)
    for text, look in zip(TEXTS, classifier.look(encodings), strict=True):
        heads = plain_pass(slow, text).first_row
        expected = [sum(head[token] for head in heads) / len(heads) for token in range(len(heads[0]))]
        assert look.decision.tolist() == pytest.approx(expected, abs=1e-5)
