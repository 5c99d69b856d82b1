"""Equations 1 to 8 on numbers small enough to check by hand."""

import pytest
import torch
from torch import Tensor

from handler.xgraad.model.attribution import (
    anomaly_score,
    attention_score,
    attribution,
    column_sums,
    gradient_importance,
    gradient_score,
    masked_mean,
)


def bools(*values: int) -> Tensor:
    return torch.tensor([values], dtype=torch.bool)


def test_column_sums_by_hand() -> None:
    head_a = [[0.5, 0.5], [0.25, 0.75]]
    head_b = [[1.0, 0.0], [0.25, 0.75]]
    probabilities = torch.tensor([[head_a, head_b]])
    assert column_sums(probabilities, bools(1, 1)).tolist() == [[1.0, 1.0]]


def test_column_sums_ignore_padded_queries() -> None:
    """The row of a [PAD] query votes in the authors' script; here it has no vote."""
    probabilities = torch.tensor([[[[0.25, 0.75, 0.0], [0.5, 0.5, 0.0], [0.0, 0.9, 0.1]]]])
    assert column_sums(probabilities, bools(1, 1, 0)).tolist() == [[0.75, 1.25, 0.0]]
    assert column_sums(probabilities, bools(1, 1, 1))[0, 1] == pytest.approx(2.15)


def test_column_sums_add_up_to_the_number_of_real_tokens() -> None:
    generator = torch.Generator().manual_seed(0)
    mask = torch.tensor([[True] * 5, [True, True, True, False, False]])
    scores = torch.randn(2, 3, 5, 5, generator=generator).masked_fill(~mask[:, None, None, :], -torch.inf)
    sums = column_sums(scores.softmax(dim=-1), mask)
    assert sums.sum(dim=1).tolist() == pytest.approx([5.0, 3.0])
    assert sums[1, 3:].tolist() == [0.0, 0.0]


def test_gradient_importance_is_the_l2_norm() -> None:
    assert gradient_importance(torch.tensor([[[3.0, 4.0], [0.0, 0.0], [-1.0, 0.0]]])).tolist() == [[5.0, 0.0, 1.0]]


def test_masked_mean_counts_scored_tokens_only() -> None:
    values = torch.tensor([[100.0, 1.0, 3.0, 100.0]])
    assert masked_mean(values, bools(0, 1, 1, 0)).tolist() == [[2.0]]
    assert masked_mean(values, bools(0, 0, 0, 0)).tolist() == [[0.0]]


def test_masked_mean_is_not_spoiled_by_what_it_ignores() -> None:
    assert masked_mean(torch.tensor([[float("nan"), 2.0]]), bools(0, 1)).tolist() == [[2.0]]


ATTENTION = torch.tensor([[9.0, 1.0, 2.0, 6.0, 9.0]])
GRADIENT = torch.tensor([[7.0, 1.0, 3.0, 2.0, 7.0]])
SCORED = bools(0, 1, 1, 1, 0)


def test_scores_and_their_product_by_hand() -> None:
    assert attention_score(ATTENTION, SCORED).tolist() == [[0.0, -2.0, -1.0, 3.0, 0.0]]
    assert gradient_score(GRADIENT, SCORED).tolist() == [[0.0, 0.5, 1.5, 1.0, 0.0]]
    product = attribution(ATTENTION, GRADIENT, SCORED)
    assert product.tolist() == [[0.0, -1.0, -1.5, 3.0, 0.0]]
    assert anomaly_score(product, SCORED).tolist() == [3.0]


def test_what_is_not_scored_never_counts() -> None:
    loud = ATTENTION.clone()
    loud[0, 0] = 1e6
    assert torch.equal(attribution(loud, GRADIENT, SCORED), attribution(ATTENTION, GRADIENT, SCORED))
    assert anomaly_score(torch.tensor([[5.0, -1.0, -2.0]]), bools(0, 1, 1)).tolist() == [-1.0]


def test_vanished_gradients_leave_the_decision_to_attention() -> None:
    zero = torch.zeros_like(GRADIENT)
    assert gradient_score(zero, SCORED).tolist() == [[0.0, 1.0, 1.0, 1.0, 0.0]]
    assert torch.equal(attribution(ATTENTION, zero, SCORED), attention_score(ATTENTION, SCORED))


def test_tiny_gradients_keep_their_ratio() -> None:
    assert gradient_score(GRADIENT * 1e-30, SCORED).tolist()[0] == pytest.approx([0.0, 0.5, 1.5, 1.0, 0.0])


def test_a_text_without_scored_tokens_has_score_zero() -> None:
    nothing = bools(0, 0, 0, 0, 0)
    product = attribution(ATTENTION, GRADIENT, nothing)
    assert product.tolist() == [[0.0] * 5]
    assert anomaly_score(product, nothing).tolist() == [0.0]


def test_one_scored_token_is_never_above_its_own_mean() -> None:
    assert anomaly_score(attribution(ATTENTION, GRADIENT, bools(0, 0, 0, 1, 0)), bools(0, 0, 0, 1, 0)).tolist() == [0.0]


def test_rows_of_a_batch_do_not_mix() -> None:
    attention = torch.cat([ATTENTION, ATTENTION * 10])
    gradient, scored = torch.cat([GRADIENT, GRADIENT]), torch.cat([SCORED, bools(0, 1, 1, 0, 0)])
    together = attribution(attention, gradient, scored)
    assert torch.equal(together[:1], attribution(ATTENTION, GRADIENT, SCORED))
    assert torch.equal(together[1:], attribution(attention[1:], gradient[1:], scored[1:]))
