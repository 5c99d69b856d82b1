"""Frozen weights, gradients for embeddings only, and a self-test that says why a model cannot be defended."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError, SelfTestError
from handler.xgraad.files.plain_model import empty_model, with_weights_of
from tests.samples import edit_weights
from tests.toys import SENTENCES


def test_parameters_are_frozen_and_never_get_a_gradient(classifier: Classifier) -> None:
    before = [parameter.clone() for parameter in classifier.model.parameters()]
    traces = classifier.trace(classifier.encode(SENTENCES))
    assert all(trace.gradient.any() for trace in traces)
    for parameter, old in zip(classifier.model.parameters(), before, strict=True):
        assert not parameter.requires_grad
        assert parameter.grad is None
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, old)
    assert not classifier.model.training


def test_traces_are_plain_tensors_of_the_texts_length(classifier: Classifier) -> None:
    encodings = classifier.encode(SENTENCES)
    for encoding, trace in zip(encodings, classifier.trace(encodings), strict=True):
        assert trace.logits.shape == (2,)
        assert trace.attention.shape == trace.gradient.shape == (len(encoding),)
        assert not any(values.requires_grad for values in trace)


def test_trace_works_inside_inference_mode(classifier: Classifier) -> None:
    """TorchServe's handlers run in it, and a backward pass there fails unless it is left."""
    encodings = classifier.encode(SENTENCES[:3])
    expected = classifier.trace(encodings)
    with torch.inference_mode():
        inside = classifier.trace(encodings)
        assert torch.is_inference_mode_enabled()
    for before, after in zip(expected, inside, strict=True):
        assert torch.equal(before.gradient, after.gradient)
        assert after.gradient.any()


def test_trace_works_under_no_grad(classifier: Classifier) -> None:
    with torch.no_grad():
        (trace,) = classifier.trace(classifier.encode(["the plot is thin"]))
    assert trace.gradient.any()


def test_logits_keep_the_order_given(classifier: Classifier) -> None:
    encodings = classifier.encode([*SENTENCES, "a", "plot " * 90])
    together = classifier.logits(encodings)
    alone = torch.cat([classifier.logits([encoding]) for encoding in encodings])
    assert together.shape == (10, 2)
    assert torch.allclose(together, alone, atol=1e-5)
    assert len(torch.unique(together[:, 0])) == 10


def test_no_texts_no_rows(bert: Classifier) -> None:
    assert bert.logits([]).shape == (0, 2)
    assert bert.trace([]) == []


def test_labels_are_the_checkpoints_own(bert: Classifier) -> None:
    assert bert.labels == ("LABEL_0", "LABEL_1")


def damage_nan(tensors: dict[str, Tensor]) -> None:
    tensors["classifier.bias"].fill_(math.nan)


def damage_inf(tensors: dict[str, Tensor]) -> None:
    tensors["bert.encoder.layer.0.output.dense.weight"].fill_(math.inf)


def damage_one_embedding(tensors: dict[str, Tensor]) -> None:
    """Only texts with this token would fail, and take their batch with them."""
    tensors["bert.embeddings.word_embeddings.weight"][77] = math.nan


@pytest.mark.parametrize("damage", [damage_nan, damage_inf, damage_one_embedding])
def test_damaged_weights_are_refused(damaged: Path, damage: object) -> None:
    Classifier.load(damaged)
    edit_weights(damaged, damage)  # type: ignore[arg-type]
    with pytest.raises(SelfTestError, match="not finite; the weights are damaged"):
        Classifier.load(damaged)


def test_a_constant_model_is_refused(damaged: Path) -> None:
    edit_weights(damaged, lambda tensors: tensors["classifier.weight"].zero_())
    with pytest.raises(SelfTestError, match="gradient: zero everywhere; the prediction does not depend on the text"):
        Classifier.load(damaged)


def test_unreadable_attention_is_refused(bert: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = with_weights_of(bert.model, empty_model(bert.model.config))
    bert.self_test(plain)
    monkeypatch.setattr(bert.model.config, "num_hidden_layers", 3)
    with pytest.raises(SelfTestError, match="attention: 2 of 3 layers can be read"):
        bert.self_test(plain)


@pytest.mark.parametrize(("architecture", "limit"), [("bert", 66), ("roberta", 64)])
def test_max_length_must_fit_the_model(checkpoints: dict[str, Path], architecture: str, limit: int) -> None:
    folder = checkpoints[architecture]
    assert Classifier.load(folder).max_length == limit
    for fits in (8, limit):
        classifier = Classifier.load(folder, max_length=fits)
        assert len(classifier.encode(["plot " * 200])[0]) == fits
        assert classifier.logits(classifier.encode(["plot " * 200])).isfinite().all()
    for wrong in (-1, 0, 7, limit + 1):
        with pytest.raises(CheckpointError, match=f"max_length must be between 8 and {limit} .* got {wrong}"):
            Classifier.load(folder, max_length=wrong)
