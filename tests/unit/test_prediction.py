"""Logits to probabilities and a label."""

import math

import pytest
import torch

from handler.xgraad import Classifier
from handler.xgraad.model.prediction import Prediction, margins_of, predict
from tests.conftest import CLEAN_TEXTS


def test_probabilities_by_hand() -> None:
    low, high = predict(torch.tensor([[math.log(1.0), math.log(3.0)], [2.0, 2.0]]), ("bad", "good"))
    assert (low.label, low.label_id) == ("good", 1)
    assert low.score == pytest.approx(0.75)
    assert low.probabilities == pytest.approx({"bad": 0.25, "good": 0.75})
    assert (high.label, high.score) == ("bad", 0.5)


def test_huge_logits_stay_finite() -> None:
    (prediction,) = predict(torch.tensor([[1e30, -1e30, 0.0]]), ("a", "b", "c"))
    assert prediction.probabilities == {"a": 1.0, "b": 0.0, "c": 0.0}


def test_no_texts_no_predictions() -> None:
    assert predict(torch.empty(0, 2), ("a", "b")) == []


def test_margins() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]])
    assert margins_of(logits, 0).tolist() == [1.0, -5.0]
    assert margins_of(logits, 2).tolist() == [-1.0, -4.0]


def test_what_a_classifier_says_of_texts_is_what_its_logits_mean(bert: Classifier) -> None:
    texts = [*CLEAN_TEXTS[:3], CLEAN_TEXTS[0]]
    assert bert.predictions(texts) == predict(bert.logits(bert.encode(texts)), bert.labels)
    assert bert.predictions([]) == []


def test_the_margin_is_the_logit_less_the_highest_other_one() -> None:
    logits = torch.tensor([[0.5, 3.0, -1.0]])
    assert predict(logits, ["a", "b", "c"])[0].margin == pytest.approx(2.5)
    assert predict(logits, ["a", "b", "c"])[0].margin == pytest.approx(margins_of(logits, 1).item())
    assert Prediction.of([0.0, 1.0], ["a", "b"]).margin == math.inf
