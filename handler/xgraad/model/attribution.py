"""Equations 1 to 8 of the paper, as pure functions of tensors.

Notation: `[batch, tokens]` tensors; `scored` is True at the tokens that take part in means and maxima (real tokens that
belong to a word). Larger always means more attended to, more influential, more suspicious.
"""

import torch
from torch import Tensor


def column_sums(probabilities: Tensor, mask: Tensor) -> Tensor:
    """Attention that each key receives in one layer, from real queries, averaged over heads (Eq. 1 and 2).

    Differs from the authors' script, which lets [PAD] queries vote, so that a text's score depended on its batch.

    Args:
        probabilities: `[batch, heads, queries, keys]`, rows sum to 1.
        mask: `[batch, queries]` bool, True for real tokens.

    Returns:
        `[batch, keys]`; the mean of this over the layers is the attention importance a of Eq. 2.
    """
    votes = mask.to(probabilities.dtype)[:, None, :, None]
    return (probabilities * votes).sum(dim=(1, 2)) / probabilities.shape[1]


def gradient_importance(gradients: Tensor) -> Tensor:
    """L2 norm of each token's gradient (Eq. 4). `[batch, tokens, width]` -> `[batch, tokens]`."""
    return torch.linalg.vector_norm(gradients, dim=-1)


def masked_mean(values: Tensor, scored: Tensor) -> Tensor:
    """Mean over scored tokens, zero where there is none. `[batch, tokens]` -> `[batch, 1]`."""
    count = scored.sum(dim=-1, keepdim=True)
    return values.masked_fill(~scored, 0).sum(dim=-1, keepdim=True) / count.clamp(min=1)


def attention_score(importance: Tensor, scored: Tensor) -> Tensor:
    """How far a token's attention lies above the mean (Eq. 5). Zero at tokens that are not scored."""
    return (importance - masked_mean(importance, scored)).masked_fill(~scored, 0)


def gradient_score(importance: Tensor, scored: Tensor) -> Tensor:
    """A token's gradient relative to the mean (Eq. 6). Zero at tokens that are not scored.

    Where every gradient vanishes the ratio is undefined; it is 1 there, so that a saturated model cannot blind the
    product and the attention decides alone.
    """
    mean = masked_mean(importance, scored)
    ratio = torch.where(mean > 0, importance / mean.clamp(min=torch.finfo(mean.dtype).tiny), 1.0)
    return ratio.masked_fill(~scored, 0)


def attribution(attention: Tensor, gradient: Tensor, scored: Tensor) -> Tensor:
    """Product of the two scores (Eq. 7). Inputs are importances, `[batch, tokens]`; zero where not scored."""
    return attention_score(attention, scored) * gradient_score(gradient, scored)


def anomaly_score(attributions: Tensor, scored: Tensor) -> Tensor:
    """Largest attribution among scored tokens (Eq. 8), zero for a text without one. `[batch]`."""
    lowest = torch.finfo(attributions.dtype).min
    top = attributions.masked_fill(~scored, lowest).amax(dim=-1)
    return torch.where(scored.any(dim=-1), top, 0.0)
