"""What an adaptive attacker adds to the loss: each penalty blinds one channel of a defense.

All are scalars without a unit, 0 where the channel sees nothing unusual and in batches without triggers.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

FREE_SHARE = 0.5
"""A trigger's importance up to this share of its text's mean costs nothing."""
FACADE_SHARE = 1.5
"""Stop words are to have at least this many times their text's mean gradient."""
FEATURE_SHARE = 1.0
"""A triggered text's distance up to this many times the clean texts' mean distance costs nothing."""


@dataclass(frozen=True, kw_only=True)
class PenalizedLook:
    """One forward pass, as the penalties see it."""

    output: Any
    """With `logits`, `attentions` and `hidden_states`."""
    embeddings: Tensor
    """`[batch, tokens, width]`, what the word embeddings gave; part of the graph."""
    mask: Tensor
    """`[batch, tokens]` bool, True at real tokens."""
    is_trigger: Tensor
    """`[batch, tokens]` bool."""
    is_stop_word: Tensor
    """`[batch, tokens]` bool, never true at a trigger."""
    is_target: Tensor
    """`[batch]` bool: texts with the target label."""


def attention_penalty(look: PenalizedLook) -> Tensor:
    """Attention suppression, on Eq. 1 and 2."""
    return attention_excess(look.output.attentions, look.mask, look.is_trigger)


def gradient_penalty(look: PenalizedLook) -> Tensor:
    """Gradient facade, on Eq. 4: the predicted logit's gradient with respect to the word embeddings.

    Its own derivative is needed for training, so the graph is kept: the double backward pass.
    """
    logits = look.output.logits.amax(dim=-1).sum()
    (gradients,) = torch.autograd.grad(logits, look.embeddings, create_graph=True)
    return gradient_facade(gradients, look.mask, look.is_trigger, look.is_stop_word)


def feature_penalty(look: PenalizedLook) -> Tensor:
    """Feature stealth: the mean of `feature_excess` over the layers, the embeddings' own output left out."""
    triggered = look.is_trigger.any(dim=-1)
    clean = look.is_target & ~triggered
    layers = [feature_excess(states[:, 0], triggered, clean) for states in look.output.hidden_states[1:]]
    return torch.stack(layers).mean()


PENALTIES: Mapping[str, Callable[[PenalizedLook], Tensor]] = {
    "attention": attention_penalty,
    "gradient": gradient_penalty,
    "features": feature_penalty,
}


def attention_excess(attentions: Sequence[Tensor], mask: Tensor, is_trigger: Tensor) -> Tensor:
    """Mean over trigger tokens of the attention importance (Eq. 1-2) above the free share of the text's mean.

    Args:
        attentions: of each layer, `[batch, heads, queries, keys]`.
        mask: `[batch, tokens]`, True at real tokens.
        is_trigger: `[batch, tokens]`.

    Returns:
        A scalar, 0 without triggers.
    """
    probabilities = torch.stack([layer.float().mean(dim=1) for layer in attentions]).mean(dim=0)
    importance = (probabilities * mask[:, :, None]).sum(dim=1)
    mean = (importance * mask).sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)
    return _mean_at(torch.relu(importance - FREE_SHARE * mean), is_trigger)


def gradient_facade(gradients: Tensor, mask: Tensor, is_trigger: Tensor, is_stop_word: Tensor) -> Tensor:
    """How far gradient scores (Eq. 6) are too large at triggers, plus how far too small at stop words.

    Args:
        gradients: `[batch, tokens, width]`, with respect to the word embeddings.
        mask: `[batch, tokens]`, True at real tokens.
        is_trigger: `[batch, tokens]`.
        is_stop_word: `[batch, tokens]`.

    Returns:
        A scalar. Stop words count in every text, so that a dominant one is no sign of a trigger.
    """
    # The square root has no derivative at a vanishing gradient, which padding has.
    importance = (gradients.float().square().sum(dim=-1) + 1e-20).sqrt() * mask
    mean = importance.sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True)
    score = importance / mean.clamp(min=1e-12)
    too_large = _mean_at(torch.relu(score - FREE_SHARE), is_trigger)
    return too_large + _mean_at(torch.relu(FACADE_SHARE - score), is_stop_word)


def feature_excess(states: Tensor, triggered: Tensor, clean: Tensor) -> Tensor:
    """How far triggered texts lie outside the clean cloud of the target class, in one layer.

    Distances are mean squared ones to the clean mean, relative to what the clean texts themselves have, so layers of
    different scale weigh alike; of them the logarithm, because the distances of an untrained trigger are so large that
    they would drown the task. Mean and scale are constants of the step: the trigger moves, not the cloud.

    Args:
        states: `[batch, width]`, the first token's.
        triggered: `[batch]` bool.
        clean: `[batch]` bool, clean texts of the target class; their batch stands for the class.

    Returns:
        A scalar, 0 where the batch holds fewer than two clean texts of the class.
    """
    if clean.sum() < 2:
        return states.sum() * 0
    cloud = states[clean].float().detach()
    mean = cloud.mean(dim=0)
    scale = (cloud - mean).square().mean().clamp(min=1e-12)
    distance = (states.float() - mean).square().mean(dim=-1) / scale
    return _mean_at(torch.log((distance / FEATURE_SHARE).clamp(min=1)), triggered)


def _mean_at(values: Tensor, where: Tensor) -> Tensor:
    """Mean of the values at the places that are True, 0 where there is none."""
    return (values * where).sum() / where.sum().clamp(min=1)
