"""Column sums of every layer's attention, taken while the model runs, one layer at a time.

transformers' fused attention returns no probabilities (and under `sdpa` an empty tuple, without an error), and keeping
all of them costs layers * heads * tokens^2 numbers. Here each layer's probabilities are reduced to one number per token
at once; `attention_ways` has the ways to do so, and `_way` says which is taken when.

Most architectures call their attention through transformers' registry: ours stands there under its own name. Some, such
as DeBERTa, have an attention of their own, which a forward hook reads.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface

from handler.xgraad.files.architectures import architecture_of
from handler.xgraad.model.attention_bias import attention_bias
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
from handler.xgraad.model.first_token import is_last

ATTENTION_NAME = "xgraad_columns"
LONGEST_KEPT = 64
"""Tokens up to which keeping a layer's probabilities for the backward pass is faster than making them again."""


@dataclass
class AttentionColumns:
    """Collects one column sum per layer, for the batch whose mask it was made with."""

    mask: Tensor
    """`[batch, tokens]` bool."""
    total: Tensor | None = None
    n_layers: int = field(default=0)

    def add(self, columns: Tensor) -> None:
        """Add one layer's `[batch, tokens]`."""
        self.total = columns if self.total is None else self.total + columns
        self.n_layers += 1

    def importance(self) -> Tensor:
        """Attention importance (Eq. 2): the mean over layers, `[batch, tokens]`, zero at padding.

        After a pass with gradients it is there once these were computed.
        """
        if self.total is None:
            raise RuntimeError("no layer reported its attention")
        return (self.total / self.n_layers).masked_fill(~self.mask, 0)


@dataclass
class DecisionAttention:
    """Collects what the tokens that the classifier reads attend to in the last layer: it reads the others through this.

    It reads the first token, or the mean of all.
    """

    n_layers: int
    """Of the model."""
    mask: Tensor
    """`[batch, tokens]` bool."""
    of_first: bool
    """Whether the first token alone is read."""
    taken: Tensor | None = None
    n_seen: int = field(default=0)

    def is_last_layer(self) -> bool:
        """Count a layer, and say whether it is the last; layers of some architectures share one module."""
        self.n_seen += 1
        return self.n_seen == self.n_layers

    def take(self, probabilities: Tensor) -> None:
        """Take the first token's attention, `[batch, heads, keys]`."""
        self.taken = probabilities.float().mean(dim=1)

    def take_columns(self, columns: Tensor) -> None:
        """Take the column sums of all real queries, `[batch, keys]`."""
        self.taken = columns / self.mask.sum(dim=1, keepdim=True)

    def importance(self) -> Tensor:
        """Averaged over heads and over the tokens that are read, `[batch, tokens]` float32, zero at padding."""
        if self.taken is None:
            raise RuntimeError("the last layer reported no attention")
        return self.taken.masked_fill(~self.mask, 0)


Collector = TypeVar("Collector", AttentionColumns, DecisionAttention)

_active: ContextVar[AttentionColumns | None] = ContextVar("active_attention_columns", default=None)
_decision: ContextVar[DecisionAttention | None] = ContextVar("active_decision_attention", default=None)


def own_attentions(model: Any) -> list[nn.Module]:
    """The attention modules that do not go through transformers' registry; a walk over all modules, so ask once."""
    name = architecture_of(model.config).own_attention
    return [module for module in model.modules() if type(module).__name__ == name]


@contextmanager
def capture_attention(own: Sequence[nn.Module], mask: Tensor) -> Iterator[AttentionColumns]:
    """Collect column sums of every forward pass inside the block; hooks are gone after it, whatever happens.

    Args:
        own: the model's `own_attentions`.
        mask: of the batch, `[batch, tokens]` bool, True at real tokens.
    """
    columns = AttentionColumns(mask)
    with _collecting(own, _active, columns):
        yield columns


@contextmanager
def capture_decision(model: Any, own: Sequence[nn.Module], mask: Tensor) -> Iterator[DecisionAttention]:
    """Collect the decision attention of one forward pass inside the block; hooks are gone after it.

    Args:
        model: a sequence classifier.
        own: its `own_attentions`.
        mask: of the batch, `[batch, tokens]` bool, True at real tokens.
    """
    config = model.config
    of_first = architecture_of(config).reads_first_token(config)
    decision = DecisionAttention(config.num_hidden_layers, mask, of_first)
    with _collecting(own, _decision, decision):
        yield decision


@contextmanager
def _collecting(own: Sequence[nn.Module], active: ContextVar[Collector | None], collector: Collector) -> Iterator[None]:
    """Let attention report to a collector inside the block, the model's own as well; afterwards all is as it was."""
    token = active.set(collector)
    hooks = [module.register_forward_hook(_read_probabilities, with_kwargs=True) for module in own]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        active.reset(token)


def attention_arguments(own: Sequence[nn.Module]) -> dict[str, bool]:
    """What the model's forward must be told so that its `own_attentions` can be read."""
    return {"output_attentions": True} if own else {}


def register_attention() -> None:
    """Put our attention and its mask into transformers' registries; doing it again changes nothing."""
    AttentionInterface.register(ATTENTION_NAME, _attention)
    AttentionMaskInterface.register(ATTENTION_NAME, attention_bias)


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_arguments: Any,
) -> tuple[Tensor, None]:
    """The registry's form of attention: the output, and column sums for whoever collects them.

    In a layer of which nothing but the first token is read, only that one's output is made; the others get a copy.
    """
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    n_queries = 1 if is_last(module) else query.shape[2]
    key, value = (_one_each(each, query.shape[1]) for each in (key, value))
    heads = Heads(query, key, value, torch.empty(0), attention_mask, scaling)
    columns, decision = _active.get(), _decision.get()
    if columns is not None:
        output = _captured(heads._replace(mask=columns.mask), n_queries, columns.add)
    elif decision is not None and decision.is_last_layer():
        output = _decided(heads._replace(mask=decision.mask), n_queries, decision)
    else:
        output = fused(heads, n_queries)
    output = output.transpose(1, 2)  # [batch, n_queries, heads, width]
    return output.expand(-1, query.shape[2], -1, -1) if n_queries == 1 else output, None


def _one_each(grouped: Tensor, n_heads: int) -> Tensor:
    """Keys or values that several heads in a row share, once for each of them: `[batch, heads, tokens, width]`."""
    n_times = n_heads // grouped.shape[1]
    return grouped if n_times == 1 else grouped.repeat_interleave(n_times, dim=1)


def _decided(heads: Heads, n_queries: int, decision: DecisionAttention) -> Tensor:
    if not decision.of_first:
        return looking(heads, n_queries, decision.take_columns)
    decision.take(first_row(heads))
    return fused(heads, n_queries)


def _captured(heads: Heads, n_queries: int, add: Add) -> Tensor:
    if not (torch.is_grad_enabled() and heads.query.requires_grad):
        return looking(heads, n_queries, add)
    if n_queries < heads.query.shape[2]:
        with torch.no_grad():
            looking(heads, 0, add)
        return fused(heads, n_queries)
    return attention_way(heads.query.device, heads.query.shape[2])(heads, add)


def attention_way(device: torch.device, n_tokens: int) -> Callable[[Heads, Add], Tensor]:
    """The way of a traced pass.

    On a CPU measured, forward and backward, in units of the plain fused kernel's: `keeping` 1.0 at 32 tokens, 1.7 at
    128, 2.1 at 512; `recomputing` 1.2 at all three; `value_gradient` 1.4. A GPU's fused kernels want no tiles; on one
    nothing was measured yet.
    """
    if device.type == "cuda":
        return value_gradient
    return keeping if n_tokens <= LONGEST_KEPT else recomputing


def _read_probabilities(module: nn.Module, inputs: Any, arguments: Any, output: tuple[Tensor, Tensor]) -> Any:
    """Reduce what an attention of the model's own returns, and hand no probabilities on: the encoder would keep all."""
    columns, decision = _active.get(), _decision.get()
    context, probabilities = output
    if columns is not None:
        columns.add(column_sums(probabilities.detach().float(), columns.mask))
    if decision is not None and decision.is_last_layer():
        decision.take(probabilities[:, :, 0])
    return context, None
