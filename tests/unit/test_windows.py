"""Layers in which a token sees those near it alone: their window counts in every way of computing, and is noticed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.errors import SelfTestError
from handler.xgraad.model import attention_capture
from handler.xgraad.model.attention_bias import bias_of
from handler.xgraad.model.attention_ways import keeping, recomputing, value_gradient
from tests import toys
from tests.reference.equations import SlowScorer
from tests.samples import edit_json

WINDOW = 16
"""Tokens, half of them to each side."""
N_WORDS = 90
"""More than a hundred tokens, and a short text beside it whose padding is wider than the window."""
TEXTS = [" ".join((" ".join(toys.SENTENCES).split() * 9)[:N_WORDS]), "a gripping film"]


@pytest.fixture(scope="module", params=["cls", "mean"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("windows")
    return toys.make_checkpoint(
        top / "toy", "modernbert", n_positions=512, local_attention=WINDOW, classifier_pooling=request.param
    )


@pytest.mark.parametrize("way", [keeping, recomputing, value_gradient])
def test_every_way_of_a_traced_pass_sees_through_the_window(
    folder: Path, way: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, slow = Classifier.load(folder), SlowScorer(folder, max_length=256)
    encodings = classifier.encode(TEXTS)
    assert len(encodings[0]) > 5 * WINDOW
    monkeypatch.setattr(attention_capture, "attention_way", lambda *_: way)
    # In one batch, which micro-batches would part.
    with torch.enable_grad():
        traces = classifier._trace_part(encodings)
    for text, trace in zip(TEXTS, traces, strict=True):
        expected = slow(text)
        assert trace.logits.tolist() == pytest.approx(expected.logits, abs=1e-4)
        assert trace.attention.tolist() == pytest.approx(expected.attention, abs=1e-4)
        assert trace.gradient.tolist() == pytest.approx(expected.gradient, abs=1e-4)


def test_texts_padded_past_the_window_are_what_they_are_alone(folder: Path) -> None:
    classifier = Classifier.load(folder)
    encodings = classifier.encode(TEXTS)
    with torch.inference_mode():
        together, looks = classifier._logits_part(encodings), classifier._look_part(encodings)
    for row, encoding in enumerate(encodings):
        (alone,) = classifier.look([encoding])
        assert torch.allclose(together[row], alone.logits, atol=1e-5)
        for one, other in zip(looks[row], alone, strict=True):
            assert torch.allclose(one, other, atol=1e-5)


def test_another_window_is_another_model(folder: Path, tmp_path: Path) -> None:
    """Sanity arm: texts longer than the window are read otherwise through a wider one, shorter ones are not."""
    wide = toys.make_checkpoint(tmp_path / "wide", "modernbert", n_positions=512)
    narrow = toys.make_checkpoint(tmp_path / "narrow", "modernbert", n_positions=512)
    edit_json(wide / "config.json", local_attention=1024)
    seen = [classifier.trace(classifier.encode(TEXTS)) for classifier in map(Classifier.load, (wide, narrow))]
    for name in ("logits", "attention", "gradient"):
        long, short = ([getattr(traces[row], name) for traces in seen] for row in (0, 1))
        assert not torch.allclose(long[0], long[1], atol=1e-3), name
        assert torch.allclose(short[0], short[1], atol=1e-5), name


def test_a_window_that_is_ignored_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is served would be another model than the checkpoint's."""

    def padding_alone(*, dtype: torch.dtype, attention_mask: Tensor, **_arguments: Any) -> Tensor:
        return bias_of(attention_mask[:, None, None], dtype)

    Classifier.load(folder)
    monkeypatch.setattr(attention_capture, "attention_bias", padding_alone)
    try:
        with pytest.raises(SelfTestError, match="logits: differ from plain transformers' by"):
            Classifier.load(folder)
    finally:
        monkeypatch.undo()
        attention_capture.register_attention()
    assert Classifier.load(folder)
