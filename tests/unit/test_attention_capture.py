"""Attention is collected inside the block and nowhere else, whatever happens in it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn

from handler.xgraad import Classifier
from handler.xgraad.model.attention_capture import (
    AttentionColumns,
    DecisionAttention,
    attention_arguments,
    capture_attention,
    capture_decision,
    own_attentions,
)
from handler.xgraad.words.encoding import Batch, collate

TEXTS = ["the plot is thin", "a gripping film that never lets go"]


@pytest.fixture
def batch(classifier: Classifier) -> Batch:
    return collate(classifier.encode(TEXTS), pad_id=classifier.encode.pad_id, device=torch.device("cpu"))


def forward(classifier: Classifier, batch: Batch) -> None:
    with torch.no_grad():
        classifier.model(
            input_ids=batch.token_ids,
            attention_mask=batch.mask.long(),
            **attention_arguments(own_attentions(classifier.model)),
        )


def n_hooks(model: nn.Module) -> int:
    """Hooks of ours; transformers keeps some of its own once it was asked for hidden states."""
    hooks = [hook for module in model.modules() for hook in module._forward_hooks.values()]
    return sum(hook.__module__.startswith("handler.") for hook in hooks)


@contextmanager
def failing(model: nn.Module) -> Iterator[None]:
    """The model breaks after its last layer."""

    def fail(*_arguments: object) -> None:
        raise RuntimeError("broken on purpose")

    hook = model.classifier.register_forward_pre_hook(fail)  # type: ignore[union-attr]
    try:
        yield
    finally:
        hook.remove()


def test_every_layer_reports(classifier: Classifier, batch: Batch) -> None:
    with capture_attention(own_attentions(classifier.model), batch.mask) as columns:
        forward(classifier, batch)
    assert columns.n_layers == 2
    importance = columns.importance()
    assert importance.shape == batch.mask.shape
    assert importance.sum(dim=1).tolist() == pytest.approx(batch.mask.sum(dim=1).tolist(), abs=1e-4)
    assert not importance[~batch.mask].any()


def test_nothing_is_collected_after_the_block(classifier: Classifier, batch: Batch) -> None:
    with capture_attention(own_attentions(classifier.model), batch.mask) as columns:
        forward(classifier, batch)
    before = columns.importance().clone()
    forward(classifier, batch)
    assert columns.n_layers == 2
    assert torch.equal(columns.importance(), before)
    assert n_hooks(classifier.model) == 0


def test_nothing_is_left_behind_when_the_model_raises(classifier: Classifier, batch: Batch) -> None:
    with (
        failing(classifier.model),
        pytest.raises(RuntimeError, match="on purpose"),
        capture_attention(own_attentions(classifier.model), batch.mask) as columns,
    ):
        forward(classifier, batch)
    assert columns.n_layers == 2
    assert n_hooks(classifier.model) == 0
    forward(classifier, batch)
    assert columns.n_layers == 2


def test_a_failed_trace_leaves_no_hook_and_the_next_one_works(classifier: Classifier) -> None:
    encodings = classifier.encode(TEXTS)
    expected = classifier.trace(encodings)
    with failing(classifier.model), pytest.raises(RuntimeError, match="on purpose"):
        classifier.trace(encodings)
    assert n_hooks(classifier.model) == 0
    for before, after in zip(expected, classifier.trace(encodings), strict=True):
        assert torch.equal(before.attention, after.attention)
        assert torch.equal(before.gradient, after.gradient)


def test_plain_passes_collect_nothing(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[AttentionColumns] = []
    monkeypatch.setattr(AttentionColumns, "add", lambda self, _columns: collected.append(self))
    classifier.logits(classifier.encode(TEXTS))
    assert collected == []
    with pytest.raises(RuntimeError, match="no layer reported"):
        classifier.trace(classifier.encode(TEXTS))
    assert len(collected) == 2


def test_another_threads_pass_is_not_collected(classifier: Classifier, batch: Batch) -> None:
    with capture_attention(own_attentions(classifier.model), batch.mask) as columns:
        thread = threading.Thread(target=forward, args=(classifier, batch))
        thread.start()
        thread.join()
        assert columns.n_layers == 0
        forward(classifier, batch)
        assert columns.n_layers == 2


def test_blocks_can_be_nested(classifier: Classifier, batch: Batch) -> None:
    with capture_attention(own_attentions(classifier.model), batch.mask) as outer:
        with capture_attention(own_attentions(classifier.model), batch.mask) as inner:
            pass
        forward(classifier, batch)
    assert (outer.n_layers, inner.n_layers) == (2, 0)


def test_works_inside_inference_mode(classifier: Classifier, batch: Batch) -> None:
    with capture_attention(own_attentions(classifier.model), batch.mask) as outside:
        forward(classifier, batch)
    with torch.inference_mode(), capture_attention(own_attentions(classifier.model), batch.mask) as inside:
        forward(classifier, batch)
    assert torch.equal(inside.importance(), outside.importance())


def test_capturing_does_not_change_the_output(classifier: Classifier) -> None:
    encodings = classifier.encode(TEXTS)
    traced = torch.stack([trace.logits for trace in classifier.trace(encodings)])
    assert torch.allclose(traced, classifier.logits(encodings), atol=1e-5)
    assert traced.std() > 0


def test_no_layer_no_importance() -> None:
    with pytest.raises(RuntimeError, match="no layer reported its attention"):
        AttentionColumns(torch.ones(1, 2, dtype=torch.bool)).importance()


def test_the_decisions_attention_is_all_there_and_none_at_padding(classifier: Classifier, batch: Batch) -> None:
    with capture_decision(classifier.model, own_attentions(classifier.model), batch.mask) as decision:
        forward(classifier, batch)
    importance = decision.importance()
    assert not batch.mask.all()
    assert importance.sum(dim=1).tolist() == pytest.approx([1.0] * len(TEXTS), abs=1e-4)
    assert not importance[~batch.mask].any()


def test_the_last_layer_decides_not_another(classifier: Classifier, batch: Batch) -> None:
    found = []
    for n_layers in (1, 2):
        with capture_decision(classifier.model, own_attentions(classifier.model), batch.mask) as decision:
            decision.n_layers = n_layers
            forward(classifier, batch)
        found.append(decision.importance())
    assert not torch.allclose(found[0], found[1])


def test_decisions_are_not_taken_after_the_block_nor_after_a_failure(classifier: Classifier, batch: Batch) -> None:
    own = own_attentions(classifier.model)
    with capture_decision(classifier.model, own, batch.mask) as decision:
        forward(classifier, batch)
    with failing(classifier.model), pytest.raises(RuntimeError, match="on purpose"):
        classifier.look(classifier.encode(TEXTS))
    forward(classifier, batch)
    assert decision.n_seen == 2
    assert n_hooks(classifier.model) == 0


def test_a_look_alone_equals_a_look_in_a_batch(classifier: Classifier) -> None:
    for text, look in zip(TEXTS, classifier.look(classifier.encode(TEXTS)), strict=True):
        (alone,) = classifier.look(classifier.encode([text]))
        assert torch.allclose(look.decision, alone.decision, atol=1e-5)
        assert len(look.decision) == len(classifier.encode([text])[0])


def test_no_last_layer_no_decision() -> None:
    with pytest.raises(RuntimeError, match="the last layer reported no attention"):
        DecisionAttention(2, torch.ones(1, 2, dtype=torch.bool), of_first=True).importance()


def test_our_hooks_are_counted(classifiers: dict[str, Classifier]) -> None:
    """Sanity arm of the zeros above."""
    deberta = classifiers["deberta"]
    with capture_attention(own_attentions(deberta.model), torch.ones(1, 4, dtype=torch.bool)):
        assert n_hooks(deberta.model) == 2
    assert n_hooks(deberta.model) == 0
