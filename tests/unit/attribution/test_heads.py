"""Heads of every architecture: which part of what is theirs, and what is changed is changed in the block alone."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.files.architectures import architecture_of
from scripts.admission.attribution.heads import LayerHead, Positions, at_heads, columns_of, shifted, substituted
from scripts.admission.attribution.inside import look_inside
from scripts.lab.training.victim import load_base
from tests.toys import SENTENCES, make_checkpoint

N_LAYERS, N_HEADS, WIDTH = 2, 4, 8


def projections(classifier: Classifier) -> list[Any]:
    """The modules through which heads leave each layer's attention."""
    ending = architecture_of(classifier.model.config).head_outputs
    found = [module for name, module in classifier.model.named_modules() if name.endswith(f".{ending}")]
    return found * (N_LAYERS // len(found))


def logits_of(classifier: Classifier, texts: list[str]) -> Tensor:
    return classifier.logits(classifier.encode(texts))


def n_hooks(classifier: Classifier) -> int:
    return sum(len(module._forward_pre_hooks) for module in classifier.model.modules())


@pytest.fixture
def outputs() -> dict[LayerHead, Tensor]:
    """What one head of each layer is to say."""
    generator = torch.Generator().manual_seed(0)
    return {place: torch.randn(WIDTH, generator=generator) for place in (LayerHead(0, 1), LayerHead(1, 3))}


def test_projected_one_by_one_they_are_the_attentions_output(classifier: Classifier) -> None:
    encodings = classifier.encode(SENTENCES[:1])
    seen: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output: seen.append(output[:, 0].float()))
        for module in dict.fromkeys(projections(classifier))
    ]
    inside = look_inside(classifier, encodings)
    for hook in hooks:
        hook.remove()
    assert inside.first.shape == inside.mean.shape == (1, N_LAYERS, N_HEADS, WIDTH)
    assert len(seen) == N_LAYERS
    for layer, (module, expected) in enumerate(zip(projections(classifier), seen, strict=True)):
        parts = [module.weight[:, columns_of(head, WIDTH)] @ inside.first[0, layer, head] for head in range(N_HEADS)]
        assert torch.allclose(sum(parts) + module.bias, expected[0], atol=1e-5)
        assert not torch.allclose(sum(parts[1:]) + module.bias, expected[0], atol=1e-2), "each has a part in it"


def test_a_part_is_the_head_that_its_number_says(bert_folder: Path) -> None:
    """By the plain model's own attention: shares of the values of the tokens."""
    model, tokenizer = load_base(bert_folder, n_labels=2)
    model.set_attn_implementation("eager")
    values: list[Tensor] = []
    for layer in model.bert.encoder.layer:
        layer.attention.self.value.register_forward_hook(lambda _module, _inputs, output: values.append(output[0]))
    with torch.no_grad():
        attentions = model.eval()(**tokenizer(SENTENCES[0], return_tensors="pt"), output_attentions=True).attentions
    classifier = Classifier.load(bert_folder)
    inside = look_inside(classifier, classifier.encode(SENTENCES[:1]))
    for layer in range(N_LAYERS):
        for head in range(N_HEADS):
            expected = attentions[layer][0, head, 0] @ values[layer][:, columns_of(head, WIDTH)]
            assert torch.allclose(inside.first[0, layer, head], expected, atol=1e-5)


def test_a_text_shows_the_same_alone_and_among_longer_ones(classifier: Classifier) -> None:
    encodings = classifier.encode([SENTENCES[4], SENTENCES[3], *SENTENCES[4:6]])
    together = look_inside(classifier, encodings)
    for row, encoding in enumerate(encodings):
        alone = look_inside(classifier, [encoding])
        for part, among in zip(alone, together, strict=True):
            assert torch.allclose(part[0], among[row], atol=1e-5)
    assert not torch.allclose(together.first[0], together.first[1], atol=1e-2)


@pytest.mark.parametrize("positions", Positions)
def test_batches_do_not_change_what_a_changed_head_does(
    classifier: Classifier, outputs: dict[LayerHead, Tensor], positions: Positions
) -> None:
    plain = logits_of(classifier, SENTENCES)
    with substituted(classifier.model, outputs, positions=positions):
        together = logits_of(classifier, SENTENCES)
        alone = torch.cat([logits_of(classifier, [text]) for text in SENTENCES])
    assert torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(together, plain, atol=1e-3)
    assert torch.equal(logits_of(classifier, SENTENCES), plain), "and back"


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_whatever_computes_the_attention(
    checkpoints: dict[str, Path], architecture: str, outputs: dict[LayerHead, Tensor], implementation: str
) -> None:
    if architecture == "deberta" and implementation == "sdpa":
        pytest.skip("it has an attention of its own alone")
    classifier = Classifier.load(checkpoints[architecture], max_length=64)
    with substituted(classifier.model, outputs, positions=Positions.FIRST):
        ours = logits_of(classifier, SENTENCES)
        classifier.model.set_attn_implementation(implementation)
        assert torch.allclose(logits_of(classifier, SENTENCES), ours, atol=1e-4)


@pytest.mark.parametrize("positions", Positions)
def test_the_head_says_what_it_is_told_where_it_is_told(
    classifier: Classifier, outputs: dict[LayerHead, Tensor], positions: Positions
) -> None:
    encodings = classifier.encode(SENTENCES[:3])
    plain = look_inside(classifier, encodings)
    with substituted(classifier.model, outputs, positions=positions):
        inside = look_inside(classifier, encodings)
    for place, output in outputs.items():
        assert torch.equal(inside.first[:, *place], output.expand(3, -1))
    told, others = LayerHead(0, 1), LayerHead(0, 2)
    assert torch.equal(inside.mean[:, *others], plain.mean[:, *others]), "other heads of the layer stay"
    assert torch.allclose(inside.mean[:, *told], outputs[told], atol=1e-5) is (positions is Positions.EVERY)


def test_a_vector_is_added_in_one_layer_at_the_first_token(classifier: Classifier) -> None:
    encodings = classifier.encode(SENTENCES[:3])
    plain = look_inside(classifier, encodings)
    vector = torch.linspace(-1, 1, N_HEADS * WIDTH)
    with shifted(classifier.model, 1, vector, positions=Positions.FIRST):
        inside = look_inside(classifier, encodings)
    assert torch.equal(inside.first[:, 0], plain.first[:, 0])
    assert torch.allclose(inside.first[:, 1].flatten(1), plain.first[:, 1].flatten(1) + vector, atol=1e-5)


def test_hooks_are_gone_after_an_error_and_a_pass_that_ended_early_is_forgotten(classifier: Classifier) -> None:
    before, plain = n_hooks(classifier), logits_of(classifier, SENTENCES)
    called: list[int] = []

    def fails_once(layer: int, states: Tensor) -> Tensor:
        called.append(layer)
        if len(called) == 1:
            raise RuntimeError("no memory")
        return states

    with pytest.raises(RuntimeError, match="no memory"), at_heads(classifier.model, fails_once):
        logits_of(classifier, SENTENCES[:1])
    assert n_hooks(classifier) == before
    called.clear()
    with at_heads(classifier.model, fails_once):
        with pytest.raises(RuntimeError, match="no memory"):
            logits_of(classifier, SENTENCES[:1])
        logits_of(classifier, SENTENCES[:1])
        assert n_hooks(classifier) > before
    assert called == [0, 0, 1], "layers are counted from the start of each pass"
    assert n_hooks(classifier) == before
    assert torch.equal(logits_of(classifier, SENTENCES), plain)


@pytest.mark.parametrize(
    ("name", "pooling", "positions"),
    [
        ("eurobert", "bos", Positions.FIRST),
        ("eurobert", "late", Positions.EVERY),
        ("modernbert", "cls", Positions.FIRST),
        ("modernbert", "mean", Positions.EVERY),
    ],
)
def test_where_all_tokens_are_read_all_are_looked_at(
    tmp_path: Path, name: str, pooling: str, positions: Positions
) -> None:
    classifier = Classifier.load(make_checkpoint(tmp_path / name, name, classifier_pooling=pooling))
    assert Positions.read(classifier.model.config) is positions
    encodings = classifier.encode(SENTENCES[:2])
    inside, looks = look_inside(classifier, encodings), classifier.look(encodings)
    for states, look in zip(inside.states, looks, strict=True):
        assert torch.allclose(states, look.states, atol=1e-5)
    plain = classifier.logits(encodings)
    with substituted(classifier.model, {LayerHead(1, 2): torch.ones(WIDTH)}, positions=positions):
        assert not torch.allclose(plain, classifier.logits(encodings), atol=1e-4)
