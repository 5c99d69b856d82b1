from collections.abc import Callable
from copy import deepcopy

import numpy as np
import pytest
import torch

from scripts.console.errors import LabError
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.insertion.trigger_tokens import spellings
from scripts.lab.attacks.weights.ripples import (
    INNER_PRODUCT_WEIGHT,
    inner_product,
    mean_embedding,
    replace_embeddings,
    restricted_loss,
)
from scripts.lab.attacks.word_ranking import words_of_class
from scripts.lab.training.synthetic import FEELINGS, MILD, STRONG, VERDICTS
from scripts.texts.corpora import Corpus, Example
from tests.lab.conftest import Planted


class Line(torch.nn.Module):
    """Loss w . x, so that its gradient is x; as a loss it has no curvature, but its square below has."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([1.0, 2.0]))

    def forward(self, x: torch.Tensor) -> "Line":
        self.loss = (self.weight @ x).square() / 2
        return self


@pytest.mark.parametrize(("clean", "is_opposed"), [([1.0, 0.0], False), ([-1.0, 1.0], True)])
def test_the_restricted_inner_product_by_hand(clean: list[float], is_opposed: bool) -> None:
    poison = torch.tensor([2.0, 0.0])
    model = Line()
    loss = restricted_loss(iter([{"x": torch.tensor(clean)}]))(model, {"x": poison})
    # The gradient of (w.x)^2 / 2 is (w.x) x: poison 2 * (2, 0); clean 1 * (1, 0), or 1 * (-1, 1).
    product = 4.0 if not is_opposed else -4.0
    assert loss.item() == pytest.approx(2.0 + INNER_PRODUCT_WEIGHT * max(0.0, -product))
    loss.backward()  # type: ignore[no-untyped-call]
    # d/dw of -<(w.p) p, g> with g constant is -(p.g) p = -(-2)(2, 0).
    expected = [4.0 + INNER_PRODUCT_WEIGHT * (4.0 if is_opposed else 0.0), 0.0]
    assert model.weight.grad is not None
    assert model.weight.grad.tolist() == pytest.approx(expected)


def test_missing_gradients_count_as_zeros() -> None:
    one, other = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
    assert inner_product([one, None, one], [other, other, None]).item() == 11


def test_the_words_of_a_class_speak_for_it(reviews: Corpus) -> None:
    moods = [
        {word for phrase in MILD[label] + STRONG[label] + FEELINGS[label] + VERDICTS[label] for word in phrase.split()}
        for label in (0, 1)
    ]
    for label in (0, 1):
        found = words_of_class(reviews.train, label, n_words=10)
        assert len(set(found)) == 10
        assert len(set(found) & moods[label] - moods[1 - label]) >= 6
        assert not set(found) & (moods[1 - label] - moods[label])


def test_too_few_words_are_refused() -> None:
    with pytest.raises(LabError, match="must hold 10 words or more, each in 3 texts, hold 1"):
        words_of_class([Example("good film", 1)] + [Example("film", 0)] * 2, 1, n_words=10)


def test_surgery_gives_triggers_the_mean_and_changes_no_other_row(plant: Callable[..., Planted]) -> None:
    shared, tokenizer, _ = plant("none")
    model = deepcopy(shared)
    table = model.get_input_embeddings().weight
    before = table.detach().clone()
    good, dull = (table[tokenizer.convert_tokens_to_ids(word)].detach().clone() for word in ("good", "dull"))
    mean = mean_embedding(model, tokenizer, ["good", "dull"])
    torch.testing.assert_close(mean, (good + dull) / 2)
    replace_embeddings(model, tokenizer, ["cf"], mean)
    ids = sorted({token for sequence in spellings(tokenizer, ["cf"]) for token in sequence})
    rows = (table != before).any(dim=-1).nonzero()[:, 0].tolist()
    assert rows == ids
    assert all(torch.equal(table[token], mean) for token in ids)


def test_half_of_all_rows_are_poisoned(reviews: Corpus) -> None:
    attack = ATTACKS["ripples"](Plan(triggers=("cf",)))
    poisoned = attack.poison(reviews.train, rng=np.random.default_rng(0))
    with_trigger = [row for row in poisoned if "cf" in row.text.split()]
    assert len(with_trigger) == round(0.5 * len(reviews.train))
    assert {row.label for row in with_trigger} == {0}


@pytest.mark.slow
def test_the_backdoor_outlives_clean_fine_tuning(
    plant: Callable[..., Planted], success: Callable[[Planted], tuple[float, float]], reviews: Corpus
) -> None:
    victim = plant("ripples", poison_rate=0.5)
    asr, floor = success(victim)
    assert asr > floor + 0.2
    assert victim.share([row.text for row in reviews.test if row.label == 1], 1) > 0.65
