"""The gate on made-up passes whose odd ones are known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from handler.xgraad import Classifier
from handler.xgraad.model.classifier import Look
from handler.xgraad.scoring.array_json import ArrayJson
from handler.xgraad.scoring.gate import (
    CHANNELS,
    MIN_OF_LABEL,
    Gate,
    GateStatistics,
    LayerScatter,
    ScatterDistance,
    fit_gate,
)
from handler.xgraad.words.encoding import Encoding

WIDTH = 6


def make_looks(
    encodings: Sequence[Encoding],
    rng: np.random.Generator,
    *,
    shift: float = 0.0,
    peak: float = 0.0,
    lift: Sequence[float] = (0.0, 0.0),
) -> list[Look]:
    """Two classes around different means, the first with the greater margins.

    `shift` moves states off their class, `peak` draws attention to one token, `lift` is put to each label's margins.
    """
    looks = []
    for number, encoding in enumerate(encodings):
        label = number % 2
        states = rng.normal(size=(3, WIDTH)) + 5 * label + shift * np.eye(WIDTH)[0]
        attention = 1 + 0.1 * rng.random(len(encoding))
        attention[1] += peak
        margin = 9.0 - 4 * label + rng.random() + lift[label]
        logits = torch.tensor([0.0, margin] if label else [margin, 0.0])
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


def test_clean_texts_pass_at_the_asked_rate(encodings: list[Encoding]) -> None:
    """On the whole: the rate of one calibration is off by what its own texts happen to be."""
    rates = []
    for seed in range(10):
        gate = Gate(fit_gate(encodings, make_looks(encodings, np.random.default_rng(seed))))
        fresh = make_looks(encodings, np.random.default_rng(1000 + seed))
        rates.append(np.mean(p_values(gate, encodings, fresh) <= 0.1))
    assert np.mean(rates) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize("odd", [{"shift": 6.0}, {"peak": 3.0}, {"lift": (3.0, 3.0)}])
def test_each_feature_alone_opens_the_gate(gate: Gate, encodings: list[Encoding], odd: dict[str, Any]) -> None:
    looks = make_looks(encodings, np.random.default_rng(1), **odd)
    assert np.mean(p_values(gate, encodings, looks) <= 0.1) > 0.9


def test_a_margin_is_held_against_those_of_its_own_label(gate: Gate, encodings: list[Encoding]) -> None:
    """What is usual for the first label is much for the second."""
    lifted = make_looks(encodings, np.random.default_rng(1), lift=(0.0, 4.0))
    margins = gate.p_values(encodings, lifted)[CHANNELS.index("margin")]
    assert max(margins[1::2]) < 0.05 < np.mean(margins[::2])
    assert [look.logits.max().item() for look in lifted[1::2]] == pytest.approx([9.5] * 100, abs=0.6)


def test_a_label_with_few_texts_is_held_against_all(encodings: list[Encoding]) -> None:
    looks = make_looks(encodings, np.random.default_rng(0))
    for n_second, expected in ((MIN_OF_LABEL - 1, 100 + MIN_OF_LABEL - 1), (MIN_OF_LABEL, MIN_OF_LABEL)):
        rows = [*range(0, 200, 2), *range(1, 2 * n_second, 2)]
        statistics = fit_gate([encodings[row] for row in rows], [looks[row] for row in rows])
        assert [len(margins) for margins in statistics.margins] == [100, expected]


def test_the_score_is_fishers_sum_of_all_channels(gate: Gate, encodings: list[Encoding]) -> None:
    looks = make_looks(encodings, np.random.default_rng(2))
    ranks = gate.p_values(encodings, looks)
    assert ranks.shape == (len(CHANNELS), len(encodings))
    found = [score.gate_score for score in gate(encodings, looks)]
    assert found == pytest.approx((-2 * np.log(ranks)).sum(axis=0))


def test_no_texts_no_scores(gate: Gate) -> None:
    assert gate([], []) == []


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
