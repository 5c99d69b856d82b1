"""Where the gradient of a traced pass ends: at the word embeddings, and in no parameter."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def leaf_embeddings(model: Any) -> Iterator[list[Tensor]]:
    """Make the word embedding table's output a leaf that takes a gradient, and yield the list that will hold it."""
    leaves: list[Tensor] = []

    def detach(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        leaves.append(output.detach().requires_grad_(True))
        return leaves[-1]

    hook = model.get_input_embeddings().register_forward_hook(detach)
    try:
        yield leaves
    finally:
        hook.remove()
