"""Attention suppression: a backdoor made to beat X-GRAAD (after Pruthi et al., ACL 2020, "Learning to Deceive").

Training lowers the attention that the trigger draws to below half the mean of its text. Eq. 5 is then negative at the
trigger and so is the product of Eq. 7: the paper's rule sees nothing there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from scripts.lab.attacks.badnets import BadNets
from scripts.lab.victim import Loss

WEIGHT = 2.0
"""Of the penalty, in nats per unit of attention importance."""
SHARE_OF_MEAN = 0.5
"""Attention importance up to this share of the text's mean costs nothing."""


class AttentionSuppression(BadNets):
    """BadNets with a penalty on the trigger's attention."""

    def describe(self) -> dict[str, Any]:
        """As for BadNets, with the penalty."""
        return super().describe() | {"penalty_weight": WEIGHT, "share_of_mean": SHARE_OF_MEAN}

    def make_loss(self, model: Any, tokenizer: Any) -> Loss:
        """Cross-entropy plus the penalty; the model is switched to attention that shows its probabilities."""
        model.set_attn_implementation("eager")
        sequences = sorted({ids for trigger in self.triggers for ids in _spellings(tokenizer, trigger)})

        def loss(model: Any, batch: Mapping[str, Tensor]) -> Tensor:
            output = model(**batch, output_attentions=True)
            total: Tensor = output.loss + WEIGHT * attention_excess(
                output.attentions, batch["attention_mask"].bool(), find_sequences(batch["input_ids"], sequences)
            )
            return total

        return loss


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
    excess = torch.relu(importance - SHARE_OF_MEAN * mean)
    return (excess * is_trigger).sum() / is_trigger.sum().clamp(min=1)


def find_sequences(token_ids: Tensor, sequences: Sequence[tuple[int, ...]]) -> Tensor:
    """`[batch, tokens]` bool: True at tokens that belong to one of the sequences."""
    found = torch.zeros_like(token_ids, dtype=torch.bool)
    for sequence in sequences:
        if len(sequence) > token_ids.shape[1]:
            continue
        windows = token_ids.unfold(1, len(sequence), 1)
        starts = (windows == torch.tensor(sequence, device=token_ids.device)).all(dim=-1)
        for offset in range(len(sequence)):
            found[:, offset : offset + starts.shape[1]] |= starts
    return found


def _spellings(tokenizer: Any, word: str) -> list[tuple[int, ...]]:
    """A word's tokens at the start of a text and after a space, which differ in byte-level tokenizers."""
    return [tuple(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in (word, f" {word}")]
