"""DAN on states made by hand, on the plain model's own, and on a victim whose trigger looks like no clean text."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification

from handler.xgraad import Classifier
from handler.xgraad.scoring.conformal import Floats
from scripts.lab.defenses.judges.dan import SHRINKAGE, ClassDistance, Dan
from scripts.lab.defenses.judges.states import states_read
from tests.reference.distances import slow_distance
from tests.toys import SENTENCES
from tests.unit.defenses.judged import (
    TARGET,
    attack_success,
    attacked,
    clean_accuracy,
    judged_material,
    judges_each_text_alone,
    reviews,
)


@pytest.fixture(scope="module")
def dan(tmp_path_factory: pytest.TempPathFactory) -> Dan:
    return Dan(judged_material(tmp_path_factory))


def test_a_victim_is_defended_and_stays_accurate(dan: Dan) -> None:
    test = reviews(100, seed=9)
    verdicts = dan(attacked(test))
    assert np.mean([each.undefended.label_id == TARGET for each in verdicts]) > 0.95
    assert attack_success(verdicts) < 0.1
    assert clean_accuracy(dan, test) > 0.95
    assert np.mean([each.flagged for each in dan([each.text for each in test])]) < 0.05


def test_a_trigger_that_leaves_no_trace_in_the_states_goes_through(dan: Dan, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = next(each.text for each in reviews(20, seed=5) if each.label == TARGET)

    def usual(classifier: Classifier, texts: Sequence[str]) -> Floats:
        return states_read(classifier, [clean] * len(texts))

    monkeypatch.setattr("scripts.lab.defenses.judges.dan.states_read", usual)
    assert attack_success(dan(attacked(reviews(50, seed=9)))) == 1


def test_each_text_is_judged_alone(dan: Dan) -> None:
    assert judges_each_text_alone(dan)


@given(st.integers(0, 2**32 - 1), st.integers(4, 20), st.integers(1, 5), st.integers(1, 3))
def test_distances_are_those_of_the_equations(seed: int, n_texts: int, width: int, n_labels: int) -> None:
    rng = np.random.default_rng(seed)
    states, labels = rng.normal(size=(n_texts, width)), rng.integers(0, n_labels, size=n_texts)
    asked = rng.normal(size=(3, width)) * 3
    found = ClassDistance(states, labels)(asked)
    expected = [slow_distance(row.tolist(), states.tolist(), labels.tolist(), shrinkage=SHRINKAGE) for row in asked]
    assert found.tolist() == pytest.approx(expected, rel=1e-6)


def test_a_layer_that_never_moves_says_nothing() -> None:
    assert ClassDistance(np.ones((6, 3)), np.array([0, 0, 1, 1, 1, 0]))(np.full((2, 3), 5.0)).tolist() == [0, 0]


def test_states_are_the_plain_models(classifier: Classifier, checkpoints: dict[str, Path], architecture: str) -> None:
    whole = AutoModelForSequenceClassification.from_pretrained(checkpoints[architecture]).eval()
    found = states_read(classifier, SENTENCES)
    for row, encoding in enumerate(classifier.encode(SENTENCES)):
        with torch.no_grad():
            output = whole(input_ids=torch.tensor([encoding.token_ids]), output_hidden_states=True)
        expected = np.stack([state[0, 0].numpy() for state in output.hidden_states[1:]])
        assert found[row] == pytest.approx(expected, abs=1e-5)
