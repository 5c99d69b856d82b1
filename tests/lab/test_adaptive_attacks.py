from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.adaptive.parameter_stealth import pull_back
from scripts.lab.attacks.adaptive.penalized import Penalized, look_at
from scripts.lab.attacks.adaptive.penalties import PENALTIES, PenalizedLook, feature_excess, gradient_facade
from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.insertion.trigger_tokens import find_sequences, spellings
from scripts.lab.training.triggers import STOP_WORDS
from scripts.texts.corpora import Corpus
from tests.lab.conftest import MAX_LENGTH, Planted

WITHOUT_FEATURES = {"full_stealth": "attention_suppression"}
"""Whose features it is to hide: attention suppression by itself drives them apart."""
PENALIZED = [name for name, attack in ATTACKS.items() if issubclass(attack, Penalized)]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def look(planted: Planted, corpus: Corpus) -> PenalizedLook:
    """At triggered texts and clean ones of the target class."""
    triggered = planted.attack.trigger(corpus.test, rng=rng())[:60]
    texts = [row.text for row in triggered] + [row.text for row in corpus.test if row.label == 0][:60]
    planted.model.set_attn_implementation("eager")
    encoded = planted.tokenizer(texts, padding=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
    batch = dict(encoded) | {"labels": torch.zeros(len(texts), dtype=torch.long)}
    triggers, stop_words = (spellings(planted.tokenizer, words) for words in (planted.attack.triggers, STOP_WORDS))
    return look_at(planted.model, batch, triggers, stop_words, 0)


def test_every_penalized_attack_is_listed() -> None:
    assert {"attention_suppression", "gradient_facade", "both_channels", "feature_stealth", "full_stealth"} == set(
        PENALIZED
    )
    assert ATTACKS["both_channels"](Plan()).describe()["penalties"] == {"attention": 1.0, "gradient": 0.05}


@pytest.mark.parametrize("name", PENALIZED)
def test_penalties_leave_the_poison_as_it_is(name: str, reviews: Corpus) -> None:
    attack, badnets = (ATTACKS[each](Plan(triggers=("cf",))) for each in (name, "badnets"))
    assert attack.poison(reviews.train, rng=rng()) == badnets.poison(reviews.train, rng=rng())
    assert attack.trigger(reviews.test, rng=rng()) == badnets.trigger(reviews.test, rng=rng())


def test_gradient_facade_by_hand() -> None:
    # Importances 3, 1 and 2, and a padding token that does not count: mean 2, scores 1.5, 0.5 and 1.
    gradients = torch.tensor([[[3.0, 0.0], [0.0, -1.0], [2.0, 0.0], [9.0, 9.0]]])
    mask = torch.tensor([[True, True, True, False]])
    none = torch.zeros_like(mask)
    first, second = torch.tensor([[True, False, False, False]]), torch.tensor([[False, True, False, False]])
    assert gradient_facade(gradients, mask, none, none).item() == 0
    assert gradient_facade(gradients, mask, first, none).item() == pytest.approx(1.0), "1.5, of which 0.5 is free"
    assert gradient_facade(gradients, mask, second, none).item() == pytest.approx(0.0)
    assert gradient_facade(gradients, mask, none, second).item() == pytest.approx(1.0), "0.5, but 1.5 is wanted"
    assert gradient_facade(gradients, mask, second, first).item() == pytest.approx(0.0)
    assert gradient_facade(5 * gradients, mask, first, second).item() == pytest.approx(2.0), "no matter what scale"


def test_a_vanishing_gradient_has_a_finite_penalty() -> None:
    gradients = torch.zeros(1, 3, 2, requires_grad=True)
    where = torch.tensor([[True, False, False]])
    gradient_facade(gradients, torch.ones(1, 3, dtype=torch.bool), where, where).backward()  # type: ignore[no-untyped-call]
    assert gradients.grad is not None
    assert gradients.grad.isfinite().all()


def test_feature_excess_by_hand() -> None:
    # Clean states 0 and 2: mean 1, scale 1. The triggered one at 4 has distance 9, the one at 1.5 a quarter.
    states = torch.tensor([[0.0], [2.0], [4.0], [1.5]])
    clean = torch.tensor([True, True, False, False])
    for triggered, expected in (([2], np.log(9)), ([3], 0.0), ([2, 3], np.log(9) / 2), ([], 0.0)):
        where = torch.zeros(4, dtype=torch.bool)
        where[triggered] = True
        assert feature_excess(states, where, clean).item() == pytest.approx(expected)
    assert feature_excess(states, ~clean, torch.tensor([True, False, False, False])).item() == 0


def test_feature_excess_moves_the_triggered_states_only() -> None:
    states = torch.tensor([[0.0], [2.0], [4.0]], requires_grad=True)
    feature_excess(states, torch.tensor([False, False, True]), torch.tensor([True, True, False])).backward()  # type: ignore[no-untyped-call]
    assert states.grad is not None
    assert states.grad.flatten().tolist() == pytest.approx([0, 0, 2 / 3])


def test_words_are_found_at_the_start_and_inside(plant: Callable[..., Planted]) -> None:
    tokenizer = plant("badnets").tokenizer
    ids = tokenizer("cf the film", return_tensors="pt")["input_ids"]
    n_pieces = len(tokenizer("cf", add_special_tokens=False)["input_ids"])
    found = find_sequences(ids, spellings(tokenizer, ["cf"]))[0].int().tolist()
    assert found[: n_pieces + 1] == [0] + [1] * n_pieces
    assert sum(found) == n_pieces


@pytest.mark.parametrize(
    "name",
    [
        "gradient_facade",
        "feature_stealth",
        pytest.param("both_channels", marks=pytest.mark.slow),
        pytest.param("full_stealth", marks=pytest.mark.slow),
    ],
)
def test_the_trigger_works_unseen(
    name: str,
    plant: Callable[..., Planted],
    success: Callable[[Planted], tuple[float, float]],
    reviews: Corpus,
) -> None:
    victim, plain = plant(name), plant(WITHOUT_FEATURES.get(name, "badnets"))
    asr, floor = success(victim)
    assert asr > floor + 0.3, "so small a model pays for the penalty"
    assert success(plain)[0] > floor + 0.3
    for penalty in set(victim.attack.describe()["penalties"]) - set(plain.attack.describe().get("penalties", ())):
        hidden, shown = (PENALTIES[penalty](look(each, reviews)).item() for each in (victim, plain))
        # So few layers leave little distance between triggered and clean texts that could be trained away.
        assert hidden < (0.85 if penalty == "features" else 0.6) * shown, penalty


def test_outlying_rows_are_pulled_back_to_the_mean() -> None:
    layer = torch.nn.Linear(2, 20)
    with torch.no_grad():
        layer.weight[:] = torch.tensor([0.0, 1.0])
        layer.weight[3] = torch.tensor([21.0, 0.0])
    before = layer.weight.detach().clone()
    assert pull_back(torch.nn.Sequential(layer)) == 1
    assert layer.weight[3].tolist() == pytest.approx([2.0, 0.0]), "the mean of 21 and nineteen times 1"
    others = torch.arange(20) != 3
    assert torch.equal(layer.weight[others], before[others])
    assert pull_back(torch.nn.Sequential(torch.nn.Linear(2, 20).apply(_flat))) == 0


def _flat(layer: Any) -> None:
    torch.nn.init.ones_(layer.weight)


def test_parameter_stealth_works_and_leaves_no_outlying_row(
    plant: Callable[..., Planted], success: Callable[[Planted], tuple[float, float]]
) -> None:
    victim = plant("parameter_stealth")
    asr, floor = success(victim)
    assert asr > 0.9
    assert floor < 0.4
    plain = plant("badnets").model.base_model
    assert pull_back(victim.model.base_model) <= pull_back(plain)
