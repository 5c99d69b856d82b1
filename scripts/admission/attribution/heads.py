"""What the heads of each layer say, seen and changed while a model runs.

The outputs of a layer's heads lie side by side in what the last linear layer of its attention takes in: head h of H has
the h-th of H equal parts. Hooks before that layer work whatever computes the attention. Layers are counted as they are
called, because ALBERT's share their modules.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import Any, NamedTuple

from torch import Tensor, nn

from handler.xgraad.files.architectures import architecture_of

Change = Callable[[int, Tensor], Tensor]
"""The number of a layer and the outputs of its heads, `[batch, tokens, width]`, to what goes on in their place. Of the
last layer there may be the first token alone."""


class LayerHead(NamedTuple):
    """One head of one layer, both counted from 0."""

    layer: int
    head: int


class Positions(StrEnum):
    """At which tokens of a text outputs of heads are looked at and changed."""

    FIRST = "first"
    """The first one, which the label is read of where it is not read of all."""
    EVERY = "every"
    """All of them."""

    @classmethod
    def read(cls, config: Any) -> "Positions":
        """Those that the label is read of, by the model that `config` describes."""
        return cls.FIRST if architecture_of(config).reads_first_token(config) else cls.EVERY

    @property
    def places(self) -> slice:
        """Of the tokens; what stands at padding reaches no other token."""
        return slice(1) if self is Positions.FIRST else slice(None)


@contextmanager
def at_heads(model: Any, change: Change) -> Iterator[None]:
    """Pass the outputs of every layer's heads through `change` inside the block; hooks are gone after it.

    Args:
        model: a sequence classifier of `ARCHITECTURES`.
        change: called once a layer in each forward pass, the lowest first.
    """
    n_called = 0

    def begin(_module: nn.Module, _inputs: Any) -> None:
        nonlocal n_called
        n_called = 0

    def pass_on(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        nonlocal n_called
        n_called += 1
        return (change(n_called - 1, inputs[0]),)

    ending = f".{architecture_of(model.config).head_outputs}"
    outputs = [module for name, module in model.named_modules() if name.endswith(ending)]
    hooks = [module.register_forward_pre_hook(pass_on) for module in outputs]
    hooks.append(model.base_model.register_forward_pre_hook(begin))  # a pass may end early, for want of memory
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def substituted(
    model: Any, outputs: Mapping[LayerHead, Tensor], *, positions: Positions
) -> AbstractContextManager[None]:
    """Let heads say something else inside the block.

    Args:
        model: see `at_heads`.
        outputs: what each of these heads says, `[head width]`, whatever the text.
        positions: where.
    """
    of_layers: dict[int, list[tuple[int, Tensor]]] = defaultdict(list)
    for (layer, head), output in outputs.items():
        of_layers[layer].append((head, output))

    def change(layer: int, states: Tensor) -> Tensor:
        changed = states.clone() if layer in of_layers else states
        for head, output in of_layers.get(layer, ()):
            changed[:, positions.places, columns_of(head, len(output))] = output.to(states)
        return changed

    return at_heads(model, change)


def shifted(model: Any, layer: int, vector: Tensor, *, positions: Positions) -> AbstractContextManager[None]:
    """Add a vector, `[width]`, to the outputs of one layer's heads at these positions inside the block."""

    def change(called: int, states: Tensor) -> Tensor:
        if called != layer:
            return states
        changed = states.clone()
        changed[:, positions.places] += vector.to(states)
        return changed

    return at_heads(model, change)


def columns_of(head: int, width: int) -> slice:
    """Where the output of a head of this width lies in what its layer's projection takes in."""
    return slice(head * width, (head + 1) * width)
