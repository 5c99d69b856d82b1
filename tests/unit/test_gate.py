"""The gate on made-up passes whose odd ones are known."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from handler.xgraad import Classifier
from handler.xgraad.array_json import ArrayJson
from handler.xgraad.classifier import Look
from handler.xgraad.encoding import Encoding
from handler.xgraad.gate import Gate, GateStatistics, LayerScatter, ScatterDistance, fit_gate

WIDTH = 6


def make_looks(
    encodings: Sequence[Encoding], rng: np.random.Generator, *, shift: float = 0.0, peak: float = 0.0
) -> list[Look]:
    """Two classes around different means; `shift` moves states off their class, `peak` draws attention to one token."""
    looks = []
    for number, encoding in enumerate(encodings):
        label = number % 2
        states = rng.normal(size=(3, WIDTH)) + 5 * label + shift * np.eye(WIDTH)[0]
        attention = 1 + 0.1 * rng.random(len(encoding))
        attention[1] += peak
        logits = torch.tensor([1.0 - label, float(label)])
        looks.append(Look(logits, torch.tensor(attention).float(), torch.tensor(states).float()))
    return looks


@pytest.fixture(scope="module")
def encodings(bert: Classifier) -> list[Encoding]:
    return bert.encode([f"the plot {'and the film ' * (number % 4)}is thin" for number in range(200)])


@pytest.fixture(scope="module")
def gate(encodings: list[Encoding]) -> Gate:
    return Gate(fit_gate(encodings, make_looks(encodings, np.random.default_rng(0))))


def p_values(gate: Gate, encodings: Sequence[Encoding], looks: Sequence[Look]) -> NDArray[np.float64]:
    return np.array([score.p_value for score in gate(encodings, looks)])


def test_clean_texts_pass_at_the_asked_rate(gate: Gate, encodings: list[Encoding]) -> None:
    fresh = [p_values(gate, encodings, make_looks(encodings, np.random.default_rng(seed))) for seed in range(1, 11)]
    assert np.mean(np.concatenate(fresh) <= 0.1) == pytest.approx(0.1, abs=0.04)


@pytest.mark.parametrize("odd", [{"shift": 6.0}, {"peak": 3.0}])
def test_either_feature_alone_opens_the_gate(gate: Gate, encodings: list[Encoding], odd: dict[str, float]) -> None:
    looks = make_looks(encodings, np.random.default_rng(1), **odd)
    assert np.mean(p_values(gate, encodings, looks) <= 0.1) > 0.9


def test_text_without_words_never_passes(gate: Gate, bert: Classifier) -> None:
    empty = bert.encode(["..."])
    (score,) = gate(empty, make_looks(empty, np.random.default_rng(1), shift=9.0, peak=9.0))
    assert (score.gate_score, score.p_value) == (0.0, 1.0)


def test_statistics_survive_json(gate: Gate) -> None:
    text = gate.statistics.model_dump_json()
    assert GateStatistics.model_validate_json(text) == gate.statistics


def test_distance_equals_the_mahalanobis_distance_of_the_full_covariance() -> None:
    """With as many directions as dimensions nothing is left out, so the textbook formula must come out."""
    rng = np.random.default_rng(0)
    states = rng.normal(size=(500, WIDTH)) @ rng.normal(size=(WIDTH, WIDTH))
    predicted = np.zeros(500, dtype=int)
    residuals = states - states.mean(axis=0)
    covariance = residuals.T @ residuals / 500
    shrunk = 0.9 * covariance + 0.1 * np.trace(covariance) / WIDTH * np.eye(WIDTH)
    expected = np.log([row @ np.linalg.solve(shrunk, row) for row in residuals])
    found = ScatterDistance(LayerScatter.fit(states, predicted, 1))(states, predicted)
    assert found == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"shape": [2], "float32": "AAAA"}, "4 bytes"),
        ({"shape": [1], "float32": "!"}, "base64"),
        ({"shape": [1], "float32": "AADAfw=="}, "finite"),
    ],
)
def test_damaged_array_is_refused(content: dict[str, object], reason: str) -> None:
    import json

    with pytest.raises(ValueError, match=reason):
        ArrayJson.model_validate_json(json.dumps(content))


def test_array_survives_json() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3) / 3
    assert np.array_equal(ArrayJson.of(array).array(), array)
