"""Column sums of every layer's attention, taken while the model runs, one layer at a time.

transformers' fused attention returns no probabilities (and under `sdpa` an empty tuple, without an error), and keeping
all of them costs layers * heads * tokens^2 numbers. Here each layer's probabilities are reduced to one number per token
at once. The model's own output still comes from the fused kernel.

Most architectures call their attention through transformers' registry: ours stands there under its own name. DeBERTa
has an attention of its own, which a forward hook reads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from handler.xgraad.attribution import column_sums

ATTENTION_NAME = "xgraad_columns"


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
        """Attention importance (Eq. 2): the mean over layers, `[batch, tokens]`, zero at padding."""
        if self.total is None:
            raise RuntimeError("no layer reported its attention")
        return (self.total / self.n_layers).masked_fill(~self.mask, 0)


_active: ContextVar[AttentionColumns | None] = ContextVar("active_attention_columns", default=None)


@contextmanager
def capture_attention(model: nn.Module, mask: Tensor) -> Iterator[AttentionColumns]:
    """Collect column sums of every forward pass inside the block; hooks are gone after it, whatever happens."""
    columns = AttentionColumns(mask)
    token = _active.set(columns)
    hooks = [module.register_forward_hook(_read_deberta, with_kwargs=True) for module in _own_attentions(model)]
    try:
        yield columns
    finally:
        for hook in hooks:
            hook.remove()
        _active.reset(token)


def attention_arguments(model: nn.Module) -> dict[str, bool]:
    """What the model's forward must be told so that its attentions can be read."""
    return {"output_attentions": True} if _own_attentions(model) else {}


def register_attention() -> None:
    """Put our attention and its mask into transformers' registries; doing it again changes nothing."""
    AttentionInterface.register(ATTENTION_NAME, _fused_attention)
    AttentionMaskInterface.register(ATTENTION_NAME, sdpa_mask)


def _own_attentions(model: nn.Module) -> list[nn.Module]:
    """The attention modules that do not go through transformers' registry."""
    return [module for module in model.modules() if type(module).__name__ == "DisentangledSelfAttention"]


def _fused_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **arguments: Any,
) -> tuple[Tensor, None]:
    """The registry's form of attention: the fused kernel's output, and column sums for whoever collects them."""
    columns = _active.get()
    if columns is not None:
        with torch.no_grad():
            columns.add(_key_columns(query, key, columns.mask, scaling or query.shape[-1] ** -0.5))
    output, _ = sdpa_attention_forward(module, query, key, value, attention_mask, scaling=scaling, **arguments)
    return output, None


def _key_columns(query: Tensor, key: Tensor, mask: Tensor, scaling: float) -> Tensor:
    """Column sums of softmax(query key^T), `[batch, keys]`. One layer's probabilities live for the call only."""
    scores = torch.matmul(query * scaling, key.transpose(-1, -2))
    scores.masked_fill_(~mask[:, None, None, :], torch.finfo(scores.dtype).min)
    return column_sums(torch.softmax(scores, dim=-1), mask)


def _read_deberta(module: nn.Module, inputs: Any, arguments: Any, output: tuple[Tensor, Tensor]) -> Any:
    """Reduce a DeBERTa layer's probabilities and hand on none, so that the encoder keeps no stack of them."""
    columns = _active.get()
    context, probabilities = output
    if columns is not None:
        columns.add(column_sums(probabilities.detach(), columns.mask))
    return context, None
