"""Heads of every architecture: which there are, what they look at, and a checkpoint without some."""

from pathlib import Path
from typing import Any

import pytest
import torch

from scripts.lab.defenses.repairs.heads import (
    Head,
    heads_of_layers,
    never_learned,
    rows_read,
    without_heads,
    zero_heads,
)
from scripts.lab.training.batches import TokenizedExamples
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.victim import fine_tune, load_base
from tests.unit.defenses.planted import MAX_LENGTH, reviews


@pytest.fixture
def model(checkpoints: dict[str, Path], architecture: str) -> Any:
    model, _ = load_base(checkpoints[architecture], n_labels=2)
    model.set_attn_implementation("eager")
    return model.eval()


@pytest.fixture
def tokenizer(checkpoints: dict[str, Path], architecture: str) -> Any:
    return load_base(checkpoints[architecture], n_labels=2)[1]


@pytest.fixture
def batch(tokenizer: Any) -> dict[str, torch.Tensor]:
    texts = TokenizedExamples(tokenizer, reviews(6, seed=3), max_length=MAX_LENGTH, device="cpu")
    return texts.batch(torch.arange(6).numpy())


def logits_of(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(**batch).logits
    return logits


def test_layers_have_heads_of_their_own_but_for_albert(model: Any, architecture: str) -> None:
    first, second = heads_of_layers(model)
    assert len(first) == len(second) == 4
    assert [head.number for head in first] == [0, 1, 2, 3]
    assert (first == second) is (architecture == "albert")
    assert len({head.output for head in [*first, *second]}) == (1 if architecture == "albert" else 2)


def test_first_rows_are_shares_of_the_tokens(model: Any, batch: dict[str, torch.Tensor]) -> None:
    output, rows = rows_read(model, batch)
    assert rows.shape == (2, 6, 4, batch["input_ids"].shape[1])
    assert torch.allclose(rows.sum(dim=-1), torch.tensor(1.0))
    padding = ~batch["attention_mask"].bool()
    assert padding.any()
    assert rows.detach().permute(1, 3, 0, 2)[padding].abs().max() == 0
    assert torch.allclose(output.logits.detach(), logits_of(model, batch), atol=1e-5)


def test_a_head_without_columns_is_a_head_that_says_nothing(model: Any, batch: dict[str, torch.Tensor]) -> None:
    layers = heads_of_layers(model)
    gone = [layers[0][1], layers[-1][1], layers[-1][3]]
    width = 32 // 4

    def silence(module: Any, inputs: tuple[torch.Tensor], *, numbers: list[int]) -> tuple[torch.Tensor]:
        heads = inputs[0].clone()
        for number in numbers:
            heads[..., number * width : (number + 1) * width] = 0
        return (heads,)

    hooks = [
        model.get_submodule(name).register_forward_pre_hook(
            lambda module, inputs, numbers=[h.number for h in gone if h.output == name]: silence(
                module, inputs, numbers=numbers
            )
        )
        for name in {head.output for head in gone}
    ]
    expected = logits_of(model, batch)
    for hook in hooks:
        hook.remove()
    whole = logits_of(model, batch)
    assert not torch.allclose(whole, expected, atol=1e-4)
    with without_heads(model, gone):
        assert torch.allclose(logits_of(model, batch), expected, atol=1e-6)
    assert torch.equal(logits_of(model, batch), whole), "and back"
    with without_heads(model, ()):
        assert torch.equal(logits_of(model, batch), whole)


def test_training_does_not_bring_a_head_back(model: Any, tokenizer: Any) -> None:
    gone, other = (heads_of_layers(model)[-1][number] for number in (2, 0))
    recipe = Recipe(epochs=1, learning_rate=1e-3, max_length=MAX_LENGTH)

    def columns(head: Head) -> torch.Tensor:
        weight = model.get_parameter(f"{head.output}.weight").detach()
        return weight[:, 8 * head.number : 8 * (head.number + 1)].clone()

    zero_heads(model, [gone])
    before = columns(other)
    with never_learned(model, [gone]):
        fine_tune(model, tokenizer, reviews(40, seed=3), recipe=recipe)
    assert columns(gone).abs().max() == 0
    assert not torch.equal(columns(other), before)
    fine_tune(model, tokenizer, reviews(40, seed=3), recipe=recipe)
    assert columns(gone).abs().max() > 0, "nothing holds it any more"
