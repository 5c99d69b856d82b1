"""Attention heads: what each attends to where the label is read, and a checkpoint without some of them.

A head is taken away by zeros in the columns through which its output leaves the attention. The shapes stay, so that
every architecture can do without heads and what comes out is an ordinary checkpoint.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from handler.xgraad.files.architectures import architecture_of


class Head(NamedTuple):
    """One head. ALBERT's layers share their modules: there a head is one in all layers at once."""

    output: str
    """Name of the linear layer that its output goes through."""
    number: int


def heads_of_layers(model: Any) -> list[list[Head]]:
    """The heads of each layer in the order of `attentions`; layers with shared modules have the same ones."""
    called: list[str] = []
    ending = architecture_of(model.config).head_outputs
    hooks = [
        module.register_forward_hook(lambda *_, name=name: called.append(name))
        for name, module in model.named_modules()
        if name.endswith(f".{ending}")
    ]
    try:
        with torch.no_grad():
            model(torch.zeros(1, 2, dtype=torch.long, device=model.device))
    finally:
        for hook in hooks:
            hook.remove()
    return [[Head(name, number) for number in range(model.config.num_attention_heads)] for name in called]


def rows_read(model: Any, batch: Mapping[str, Tensor]) -> tuple[Any, Tensor]:
    """A model's output, which must show its attention, and the attention of the token that the label is read of.

    Where a classifier pools all tokens it is the mean over them.

    Returns:
        The output, and `[layers, batch, heads, keys]` probabilities, which are 0 at padding.
    """
    output = model(**batch, output_attentions=True)
    if architecture_of(model.config).reads_first_token(model.config):
        return output, torch.stack([layer[:, :, 0].float() for layer in output.attentions])
    shares = batch["attention_mask"] / batch["attention_mask"].sum(dim=1, keepdim=True)
    return output, torch.stack([torch.einsum("bq,bhqk->bhk", shares, layer.float()) for layer in output.attentions])


@torch.no_grad()
def zero_heads(model: Any, heads: Collection[Head]) -> None:
    """Take heads away, in place."""
    for name, columns in _columns(model, heads):
        model.get_parameter(name)[:, columns] = 0


@contextmanager
def without_heads(model: Any, heads: Collection[Head]) -> Iterator[None]:
    """Take heads away inside the block."""
    kept = {name: model.get_parameter(name).detach().clone() for name, _ in _columns(model, heads)}
    zero_heads(model, heads)
    try:
        yield
    finally:
        with torch.no_grad():
            for name, weight in kept.items():
                model.get_parameter(name).copy_(weight)


@contextmanager
def never_learned(model: Any, heads: Collection[Head]) -> Iterator[None]:
    """Keep training inside the block from giving heads their output back; what is 0 also decays to 0."""
    hooks = [
        model.get_parameter(name).register_hook(lambda gradient, columns=columns: gradient * ~columns)
        for name, columns in _columns(model, heads)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _columns(model: Any, heads: Collection[Head]) -> list[tuple[str, Tensor]]:
    """Names of weights `[out, in]` and which of their columns, `[in]` bool, belong to the heads."""
    return [
        (f"{name}.weight", _mask(model, name, [h.number for h in heads if h.output == name]))
        for name in sorted({head.output for head in heads})
    ]


def _mask(model: Any, name: str, numbers: Sequence[int]) -> Tensor:
    weight = model.get_parameter(f"{name}.weight")
    is_of = torch.zeros(model.config.num_attention_heads, dtype=torch.bool, device=weight.device)
    is_of[list(numbers)] = True
    return is_of.repeat_interleave(weight.shape[1] // len(is_of))
