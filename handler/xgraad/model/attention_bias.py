"""What keeps attention off padding, and off what lies outside a layer's window: a number added to each score.

Transformers asks for it once a forward pass for each kind of layer, and hands it to all layers of that kind, so that
what it costs is paid once.
"""

from typing import Any

import torch
from torch import Tensor
from transformers.masking_utils import sdpa_mask


def attention_bias(*, dtype: torch.dtype, **arguments: Any) -> Tensor | None:
    """The registry's form of a mask.

    Args:
        dtype: of the scores.
        arguments: what transformers says of the layers and the batch.

    Returns:
        See `bias_of`; None where every query sees every key.
    """
    seen = sdpa_mask(**arguments)
    return None if seen is None else bias_of(seen, dtype)


def bias_of(seen: Tensor, dtype: torch.dtype) -> Tensor:
    """Zero where a query sees a key, the lowest number where it must not.

    A query that sees nothing, which is one at padding, far from the text in a layer with a window, is let see all: what
    it gives is read by none, and softmax of nothing is no number.

    Args:
        seen: `[batch, 1, queries, keys]` bool.
        dtype: of the scores.

    Returns:
        `[batch, 1, queries, keys]`, or `[batch, 1, 1, keys]` where all queries see the same.
    """
    first = seen[:, :, :1]
    if bool((seen == first).all()):
        seen = first
    unseen = ~seen & seen.any(dim=-1, keepdim=True)
    return torch.zeros(seen.shape, dtype=dtype, device=seen.device).masked_fill_(unseen, torch.finfo(dtype).min)
