"""A label as a classifier of two classes: its probability, its gradient, and one pass for all labels."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.files.config_json.task import MULTI_LABEL
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.model.classifier import Look
from handler.xgraad.multilabel.label_view import two_sided, views_of
from handler.xgraad.words.encoding import Encoding
from tests.reference.label_view import label_probability, view_gradient
from tests.toys import SENTENCES, make_checkpoint

THRESHOLDS = (0.5, 0.2)


@pytest.fixture(scope="module", params=["bert", "roberta"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("views") / "toy"
    return make_checkpoint(place, request.param, n_labels=3, problem_type=MULTI_LABEL)


@pytest.fixture(scope="module")
def whole(folder: Path) -> Classifier:
    return Classifier.of(Checkpoint.open(folder, several_labels=True), max_length=64)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_a_view_says_the_labels_own_sigmoid(whole: Classifier, threshold: float) -> None:
    logits = whole.logits(whole.encode(SENTENCES))
    for view in views_of(whole, threshold=threshold):
        for prediction, row in zip(view.predictions(SENTENCES), logits.tolist(), strict=True):
            expected = label_probability(row[view.label], threshold)
            assert prediction.probabilities[whole.labels[view.label]] == pytest.approx(expected, abs=1e-5)
            assert prediction.label_id == (expected > 0.5)


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_the_gradient_goes_through_the_view(folder: Path, whole: Classifier, threshold: float) -> None:
    for view in views_of(whole, threshold=threshold):
        (trace,) = view.trace(whole.encode(SENTENCES[:1]))
        slow = view_gradient(folder, SENTENCES[0], view.label, threshold)
        assert trace.gradient.tolist() == pytest.approx(slow, rel=1e-3)


def test_views_of_other_labels_have_other_gradients(whole: Classifier) -> None:
    """Sanity arm: else the test above would say nothing of labels."""
    first, second, _ = (view.trace(whole.encode(SENTENCES[:1]))[0].gradient for view in views_of(whole))
    assert not torch.allclose(first, second, rtol=1e-2)


def test_one_pass_is_made_for_all_labels(whole: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    encodings, passes = whole.encode(SENTENCES), 0
    look = whole.look

    def counted(some: Sequence[Encoding]) -> list[Look]:
        nonlocal passes
        passes += 1
        return look(some)

    views = views_of(whole)
    monkeypatch.setattr(whole, "look", counted)
    looks = [view.look(encodings) for view in views]
    assert passes == 1
    for view, own in zip(views, looks, strict=True):
        assert torch.allclose(torch.stack([each.logits for each in own]), view.logits(encodings), atol=1e-5)
    assert all(torch.equal(first.states, other.states) for first, other in zip(looks[0], looks[1], strict=True))
    views[0].look(whole.encode(SENTENCES))
    assert passes == 2, "other texts, if equal ones, are looked at"


@given(logits=st.lists(st.floats(-30, 30), min_size=2, max_size=5), threshold=st.floats(0.01, 0.99))
def test_the_threshold_is_where_a_view_turns(logits: list[float], threshold: float) -> None:
    tensor = torch.tensor(logits, dtype=torch.float64)
    for label, logit in enumerate(logits):
        without, having = two_sided(tensor, label, threshold=threshold).tolist()
        probability = label_probability(logit, 0.5)
        if abs(probability - threshold) > 1e-9:
            assert (having > without) == (probability > threshold)
