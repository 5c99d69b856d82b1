"""Attention with the column sums of its probabilities, in the ways that pay, all with the same result.

The probabilities of one layer are heads * tokens^2 numbers a text. Written to memory at once they cost more time than
the arithmetic, so they are made in tiles that fit into a core's cache, reduced there, and overwritten by the next tile.

- `looking`: without gradients; softmax once, for the output and for the sums.
- `keeping`: with gradients, the probabilities kept for the backward pass; best for short texts.
- `recomputing`: with gradients, the output from the fused kernel; its backward pass makes the probabilities anew, tile
  by tile, and takes the sums on the way. Memory grows with the tokens, not with their square.
- `value_gradient`: the same memory, any fused kernel both ways: where a channel of zeros is appended to the values, its
  gradient under an objective that adds it up over the real queries is the column sum.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention

from handler.xgraad.model.attribution import column_sums

TILE = {"cpu": 1 << 19, "cuda": 1 << 26}
"""Probabilities in one tile: 2 MB on a CPU, where the sums of 32 to 512 tokens were fastest; on a GPU large enough for
one kernel to fill it."""
VALUE_CHANNELS = 8
"""Channels appended for the value gradient: one would do, fused kernels want multiples of eight."""

Add = Callable[[Tensor], None]
"""Takes one layer's column sums, `[batch, keys]` float32; under gradients not before the backward pass."""


class Heads(NamedTuple):
    """One layer's attention input; tensors of shape `[batch, heads, tokens, width]`."""

    query: Tensor
    key: Tensor
    value: Tensor
    mask: Tensor
    """`[batch, tokens]` bool, True at real tokens."""
    bias: Tensor | None
    """`[batch, 1, queries or 1, keys]`, added to the scores: see `bias_of`. None where every query sees every key."""
    scaling: float


def fused(heads: Heads, n_queries: int) -> Tensor:
    """The output alone, of the first `n_queries` queries: `[batch, heads, n_queries, width]`."""
    bias = None if heads.bias is None else heads.bias[:, :, :n_queries]
    return scaled_dot_product_attention(
        heads.query[:, :, :n_queries], heads.key, heads.value, attn_mask=bias, scale=heads.scaling
    )


def first_row(heads: Heads) -> Tensor:
    """The probabilities of the first query, `[batch, heads, keys]`."""
    scores = torch.matmul(heads.query[:, :, :1] * heads.scaling, heads.key.transpose(-1, -2))
    return torch.softmax(scores if heads.bias is None else scores + heads.bias[:, :, :1], dim=-1)[:, :, 0]


def looking(heads: Heads, n_queries: int, add: Add) -> Tensor:
    """The output of the first `n_queries` queries; the sums are over all queries."""
    query, value = heads.query, heads.value
    output = query.new_empty((*query.shape[:2], n_queries, query.shape[-1]))
    columns = torch.zeros(heads.mask.shape, dtype=torch.float32, device=query.device)
    for tile, probabilities in _tiles(heads):
        columns[tile[0]] += _votes(heads.mask[tile[0]], probabilities)
        output[tile] = torch.matmul(probabilities[:, :, :n_queries], value[tile])
    add(columns / query.shape[1])
    return output


def keeping(heads: Heads, add: Add) -> Tensor:
    """The output of all queries, for short texts."""
    scores = torch.matmul(heads.query * heads.scaling, heads.key.transpose(-1, -2))
    probabilities = torch.softmax(scores if heads.bias is None else scores + heads.bias, dim=-1)
    with torch.no_grad():
        n_heads = heads.query.shape[1]
        add(_votes(heads.mask, probabilities) / n_heads)
    return torch.matmul(probabilities, heads.value)


def recomputing(heads: Heads, add: Add) -> Tensor:
    """The output of all queries, for long texts."""
    output: Tensor = _Recomputing.apply(heads.query, heads.key, heads.value, heads, add)  # type: ignore[no-untyped-call]
    return output


def value_gradient(heads: Heads, add: Add) -> Tensor:
    """The output of all queries, for kernels that keep no probabilities either way."""
    output: Tensor = _ValueGradient.apply(heads.query, heads.key, heads.value, heads, add)  # type: ignore[no-untyped-call]
    return output


class _Recomputing(torch.autograd.Function):
    """Attention whose backward pass works in tiles and adds up columns."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, heads: Heads, add: Add) -> Tensor:
        output = fused(heads._replace(query=query, key=key, value=value), query.shape[2])
        ctx.save_for_backward(query, key, value, output)
        ctx.rest = heads[3:], add
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        query, key, value, output = ctx.saved_tensors
        rest, add = ctx.rest
        heads = Heads(query, key, value, *rest)
        grads = tuple(torch.empty_like(each) for each in (query, key, value))
        columns = torch.zeros(heads.mask.shape, dtype=torch.float32, device=query.device)
        inner = (gradient * output).sum(dim=-1, keepdim=True)  # [batch, heads, queries, 1]
        for tile, probabilities in _tiles(heads):
            columns[tile[0]] += _votes(heads.mask[tile[0]], probabilities)
            _tile_gradients(heads, tile, probabilities, (gradient[tile], inner[tile]), grads)
        add(columns / query.shape[1])
        return *grads, None, None


class _ValueGradient(torch.autograd.Function):
    """Fused attention with more channels; what the kernel gives for them in the backward pass are the columns."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, heads: Heads, add: Add) -> Tensor:
        wider = tuple(pad(each.detach(), (0, VALUE_CHANNELS)).requires_grad_() for each in (query, key, value))
        with torch.enable_grad():
            output = fused(heads._replace(query=wider[0], key=wider[1], value=wider[2]), query.shape[2])
        ctx.inner = output, wider, heads.mask, add
        return output.detach()[..., :-VALUE_CHANNELS]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        output, wider, mask, add = ctx.inner
        extended = pad(gradient, (0, VALUE_CHANNELS))
        extended[..., -1] = mask[:, None].to(gradient.dtype)
        with torch.enable_grad():
            grads = torch.autograd.grad(output, wider, extended)
        ctx.inner = None
        add(grads[2][..., -1].float().mean(dim=1))
        return *(each[..., :-VALUE_CHANNELS] for each in grads), None, None


def _tile_gradients(
    heads: Heads,
    tile: tuple[slice, slice],
    probabilities: Tensor,
    outputs: tuple[Tensor, Tensor],
    grads: tuple[Tensor, ...],
) -> None:
    """Fill in one tile's gradients of query, key and value.

    Args:
        heads: of the layer.
        tile: its rows and heads.
        probabilities: `[rows, heads, queries, keys]`; lost afterwards.
        outputs: the tile's output gradient, and its inner product with the output.
        grads: whole tensors to fill.
    """
    gradient, inner = outputs
    grads[2][tile] = torch.matmul(probabilities.transpose(-1, -2), gradient)
    scores = torch.matmul(gradient, heads.value[tile].transpose(-1, -2)).sub_(inner).mul_(probabilities)
    scores *= heads.scaling
    grads[0][tile] = torch.matmul(scores, heads.key[tile])
    grads[1][tile] = torch.matmul(scores.transpose(-1, -2), heads.query[tile])


def _tiles(heads: Heads) -> Iterator[tuple[tuple[slice, slice], Tensor]]:
    """The probabilities of a layer, a tile at a time: `[rows, heads, queries, keys]`, overwritten by the next."""
    query, key = heads.query, heads.key
    n_rows, n_heads, n_tokens, width = query.shape
    budget = TILE[query.device.type] // n_tokens**2
    rows, n = max(1, budget // n_heads), max(1, min(n_heads, budget))
    room = query.new_empty(min(rows, n_rows) * n * n_tokens**2)
    for row in range(0, n_rows, rows):
        for head in range(0, n_heads, n):
            tile = slice(row, row + rows), slice(head, head + n)
            first, second = query[tile], key[tile]
            flat = first.shape[0] * first.shape[1]
            scores = room[: flat * n_tokens**2].view(flat, n_tokens, n_tokens)
            if heads.bias is not None:
                scores.view(*first.shape[:2], n_tokens, n_tokens).copy_(heads.bias[row : row + rows])
            torch.baddbmm(
                scores,
                first.reshape(flat, n_tokens, width),
                second.reshape(flat, n_tokens, width).transpose(1, 2),
                beta=0 if heads.bias is None else 1,
                alpha=heads.scaling,
                out=scores,
            )
            torch.softmax(scores, dim=-1, out=scores)
            yield tile, scores.view(*first.shape[:2], n_tokens, n_tokens)


def _votes(mask: Tensor, probabilities: Tensor) -> Tensor:
    """Sums over heads and real queries, `[batch, keys]` float32.

    A product for each head: one for all heads of a text is as much arithmetic, but keeps a second thread waiting.
    """
    if probabilities.dtype != torch.float32:
        return column_sums(probabilities.float(), mask) * probabilities.shape[1]
    n_rows, n_heads, n_queries, n_keys = probabilities.shape
    votes = mask.to(probabilities.dtype)[:, None].expand(-1, n_heads, -1).reshape(n_rows * n_heads, 1, n_queries)
    of_heads = torch.bmm(votes, probabilities.reshape(n_rows * n_heads, n_queries, n_keys))
    return of_heads.view(n_rows, n_heads, n_keys).sum(dim=1)
