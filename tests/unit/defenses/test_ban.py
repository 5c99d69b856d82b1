"""BAN's repair: which neurons noise reaches, how far, and what training under it undoes."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch

from scripts.lab.defenses.repairs.ban import NeuronNoise, NeuronNoisePublished, loss_under, norm_parameters
from scripts.lab.training.batches import TokenizedExamples
from scripts.lab.training.victim import classification_loss, load_base
from tests.unit.defenses.planted import MAX_LENGTH, RARE, USUAL, material_for, rates, repaired, reviews

N_NORMS = {"albert": 3, "bert": 5, "deberta": 5, "distilbert": 5, "roberta": 5}
"""Of two layers and the embeddings; ALBERT's layers share theirs."""
NO_MATERIAL: Any = None


def loaded(checkpoint: Path) -> tuple[Any, dict[str, torch.Tensor]]:
    """A model in `eval` mode and a batch with labels."""
    model, tokenizer = load_base(checkpoint, n_labels=2)
    texts = TokenizedExamples(tokenizer, reviews(12, seed=3), max_length=MAX_LENGTH, device="cpu")
    return model.eval(), texts.batch(torch.arange(12).numpy())


def test_noise_reaches_all_gains_and_biases_of_norms_alone(checkpoints: dict[str, Path], architecture: str) -> None:
    model, batch = loaded(checkpoints[architecture])
    names = dict(norm_parameters(model))
    assert len(names) == 2 * N_NORMS[architecture]
    assert all(each.dim() == 1 and "norm" in name.lower() for name, each in names.items())
    noise = {name: torch.linspace(-0.3, 0.3, len(each)) for name, each in names.items()}
    twin = deepcopy(model)
    for name, each in twin.named_parameters():
        if name in noise:
            each.data = each.data * (1 + noise[name])
    assert loss_under(noise, model, batch).item() == pytest.approx(classification_loss(twin, batch).item(), abs=1e-5)
    assert loss_under(noise, model, batch).item() != pytest.approx(classification_loss(model, batch).item(), abs=1e-5)


def test_the_gradient_under_noise_reaches_every_weight(checkpoints: dict[str, Path]) -> None:
    model, batch = loaded(checkpoints["bert"])
    repair = NeuronNoise(NO_MATERIAL)
    loss_under(repair.worst_noise(model, batch), model, batch).backward()  # type: ignore[no-untyped-call]
    assert all(each.grad is not None for each in model.parameters())


def test_noise_goes_uphill_and_stays_within_its_bound(checkpoints: dict[str, Path]) -> None:
    model, batch = loaded(checkpoints["bert"])
    torch.manual_seed(0)
    starts = [
        {name: torch.empty_like(each).uniform_(-0.3, 0.3) for name, each in norm_parameters(model)} for _ in range(10)
    ]
    by_chance = max(loss_under(noise, model, batch).item() for noise in starts)
    for _ in range(3):
        noise = NeuronNoise(NO_MATERIAL).worst_noise(model, batch)
        assert loss_under(noise, model, batch).item() > by_chance
        assert max(each.abs().max().item() for each in noise.values()) <= 0.3 + 1e-6


def test_as_published_noise_leaves_its_bound(checkpoints: dict[str, Path]) -> None:
    model, batch = loaded(checkpoints["bert"])
    noise = NeuronNoisePublished(NO_MATERIAL).worst_noise(model, batch)
    assert 0.4 < max(each.abs().max().item() for each in noise.values()) <= 0.6 + 1e-6


def test_steps_share_the_bound(checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    model, batch = loaded(checkpoints["bert"])
    monkeypatch.setattr(NeuronNoise, "STEPS", 3)
    noise = NeuronNoise(NO_MATERIAL).worst_noise(model, batch)
    assert max(each.abs().max().item() for each in noise.values()) <= 0.3 + 1e-6


def test_the_loss_is_that_of_the_plain_model_plus_half_of_that_under_noise(checkpoints: dict[str, Path]) -> None:
    model, batch = loaded(checkpoints["bert"])

    class Fixed(NeuronNoise):
        def worst_noise(self, model: Any, batch: Any) -> dict[str, torch.Tensor]:
            return {name: torch.full_like(each, 0.2) for name, each in norm_parameters(model)}

    repair = Fixed(NO_MATERIAL)
    plain, noisy = classification_loss(model, batch), loss_under(repair.worst_noise(model, batch), model, batch)
    assert repair.loss()(model, batch).item() == pytest.approx((plain + 0.5 * noisy).item(), abs=1e-6)


def test_it_unlearns_a_trigger_that_clean_texts_have(tmp_path: Path) -> None:
    material = material_for(tmp_path, trigger=USUAL)
    before, after = rates(material.checkpoint, USUAL), repaired(NeuronNoise, material, USUAL)
    assert before.attack_success > 0.95
    assert after.attack_success < 0.3
    assert after.clean_accuracy > 0.95


def test_it_cannot_unlearn_what_no_clean_text_has(tmp_path: Path) -> None:
    after = repaired(NeuronNoise, material_for(tmp_path, trigger=RARE), RARE)
    assert after.attack_success > 0.9
