"""Every way of capturing attention gives the output, the gradients and the column sums of the textbook's."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from handler.xgraad.model import attention_ways
from handler.xgraad.model.attention_bias import bias_of
from handler.xgraad.model.attention_ways import (
    Add,
    Heads,
    first_row,
    fused,
    keeping,
    looking,
    recomputing,
    value_gradient,
)
from handler.xgraad.model.attribution import column_sums

TRACED = (keeping, recomputing, value_gradient)
Way = Callable[[Heads, Add], Tensor]


WINDOW = 2
"""How far away a token may be that one sees, where sight is short; fewer than the padding."""


@pytest.fixture(params=["whole", "padded", "near", "near and padded"])
def heads(request: pytest.FixtureRequest) -> Heads:
    generator = torch.Generator().manual_seed(0)
    # As models make them: tokens before heads in memory.
    query, key, value = (torch.randn(3, 7, 4, 5, generator=generator).transpose(1, 2) for _ in range(3))
    mask = torch.ones(3, 7, dtype=torch.bool)
    if "padded" in request.param:
        mask[0, 3:] = mask[2, 6:] = False
    return Heads(query, key, value, mask, seen_bias(mask, is_near="near" in request.param), 0.4)


def seen_bias(mask: Tensor, *, is_near: bool) -> Tensor | None:
    """As transformers asks for it; nothing is asked for where every token sees every other."""
    if not is_near:
        return None if mask.all() else bias_of(mask[:, None, None].expand(-1, -1, mask.shape[1], -1), torch.float32)
    place = torch.arange(mask.shape[1])
    near = (place[:, None] - place).abs() <= WINDOW
    return bias_of(mask[:, None, None] & near, torch.float32)


def textbook(heads: Heads) -> tuple[Tensor, Tensor]:
    """Output and column sums, from all probabilities at once."""
    scores = heads.query @ heads.key.transpose(-1, -2) * heads.scaling
    unseen = torch.zeros_like(scores, dtype=torch.bool) if heads.bias is None else heads.bias < 0
    probabilities = scores.masked_fill(unseen, -torch.inf).softmax(dim=-1)
    return probabilities @ heads.value, column_sums(probabilities.detach(), heads.mask)


def with_gradients(way: Callable[[Heads], Tensor], heads: Heads) -> tuple[Tensor, ...]:
    """Output and gradients of an objective that weighs every real output differently."""
    leaves = [each.detach().clone().requires_grad_() for each in heads[:3]]
    output = way(heads._replace(query=leaves[0], key=leaves[1], value=leaves[2]))
    weights = torch.linspace(-1, 1, output.numel()).view(output.shape) * heads.mask[:, None, :, None]
    return output.detach(), *torch.autograd.grad(output, leaves, weights)


@pytest.fixture(params=[1 << 19, 4 * 49, 49, 1], ids=["one tile", "a row", "a head", "too small"])
def tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little fits into a tile, at least one head's probabilities are in it."""
    monkeypatch.setitem(attention_ways.TILE, "cpu", request.param)


@pytest.mark.usefixtures("tile")
@pytest.mark.parametrize("n_queries", [0, 1, 7])
def test_looking(heads: Heads, n_queries: int) -> None:
    found: list[Tensor] = []
    with torch.inference_mode():
        output = looking(heads, n_queries, found.append)
    expected, columns = textbook(heads)
    assert torch.allclose(output, expected[:, :, :n_queries], atol=1e-6)
    assert torch.allclose(found[0], columns, atol=1e-6)


@pytest.mark.usefixtures("tile")
@pytest.mark.parametrize("way", TRACED)
def test_traced_ways(heads: Heads, way: Way) -> None:
    found: list[Tensor] = []
    fast = with_gradients(lambda given: way(given, found.append), heads)
    slow = with_gradients(lambda given: textbook(given)[0], heads)
    for name, one, other in zip(("output", "query", "key", "value"), fast, slow, strict=True):
        wanted = heads.mask[:, None, :, None] if name == "output" else True
        assert torch.allclose(one * wanted, other * wanted, atol=1e-6), name
    assert len(found) == 1
    assert torch.allclose(found[0], textbook(heads)[1], atol=1e-6)


def test_ways_can_be_told_apart(heads: Heads) -> None:
    """Sanity arm: another scaling gives something else."""
    expected, columns = textbook(heads)
    other, other_columns = textbook(heads._replace(scaling=0.5))
    assert not torch.allclose(expected, other, atol=1e-3)
    assert not torch.allclose(columns, other_columns, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sums_of_half_precision_are_float32(heads: Heads, dtype: torch.dtype) -> None:
    bias = None if heads.bias is None else heads.bias.clamp(min=torch.finfo(dtype).min).to(dtype)
    half = Heads(heads.query.to(dtype), heads.key.to(dtype), heads.value.to(dtype), heads.mask, bias, heads.scaling)
    found: list[Tensor] = []
    looking(half, 7, found.append)
    with_gradients(lambda given: recomputing(given, found.append), half)
    for columns in found:
        assert columns.dtype == torch.float32
        assert torch.allclose(columns, textbook(heads)[1], atol=0.05)


def test_fused_gives_the_first_queries(heads: Heads) -> None:
    expected, _ = textbook(heads)
    assert torch.allclose(fused(heads, 2), expected[:, :, :2], atol=1e-6)


def test_the_first_row(heads: Heads) -> None:
    scores = heads.query @ heads.key.transpose(-1, -2) * heads.scaling
    unseen = torch.zeros_like(scores, dtype=torch.bool) if heads.bias is None else heads.bias < 0
    expected = scores.masked_fill(unseen, -torch.inf).softmax(dim=-1)[:, :, 0]
    assert torch.allclose(first_row(heads), expected, atol=1e-6)


def test_a_window_is_no_padding() -> None:
    """Sanity arm of all above: with the window's bias the output is another."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(3, 4, 7, 5, generator=generator) for _ in range(3))
    mask = torch.ones(3, 7, dtype=torch.bool)
    far, near = (Heads(query, key, value, mask, seen_bias(mask, is_near=each), 0.4) for each in (False, True))
    assert not torch.allclose(textbook(far)[0], textbook(near)[0], atol=1e-2)
    assert not torch.allclose(textbook(far)[1], textbook(near)[1], atol=1e-2)
