"""The learned part of LWS: which candidate takes each word's place."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from scripts.lab.training.substitutes import Substitutes

SPEED = 10.0
"""How many times as fast as the classifier the scores are learned."""


class Substitution(nn.Module):
    """Scores (e_c - e_original) . W_i + b_ic of candidate c at token position i.

    Parameters:
        weight: `[positions, width]`, W / SPEED.
        bias: `[positions, candidates]`, b / SPEED.
    """

    def __init__(self, substitutes: Substitutes, *, n_positions: int, width: int) -> None:
        super().__init__()
        self.candidates: Tensor
        self.is_word: Tensor
        self.continues_word: Tensor
        for name, values in substitutes._asdict().items():
            self.register_buffer(name, values)
        self.weight = nn.Parameter(torch.zeros(n_positions, width))
        self.bias = nn.Parameter(torch.zeros(n_positions, substitutes.candidates.shape[1]))

    def scores(self, token_ids: Tensor, embed: nn.Module) -> Tensor:
        """`[batch, tokens, candidates]`; minus infinity at what may not be chosen."""
        n_tokens = token_ids.shape[1]
        candidates = self.candidates[token_ids]
        shifts = embed(candidates) - embed(token_ids)[:, :, None]
        scores = SPEED * ((shifts * self.weight[:n_tokens, None]).sum(dim=-1) + self.bias[:n_tokens])
        allowed = self._may_change(token_ids)[:, :, None] & (candidates != token_ids[:, :, None])
        allowed[:, :, 0] = True
        return scores.masked_fill(~allowed, -torch.inf)

    def mix(self, token_ids: Tensor, embed: nn.Module, temperature: float) -> Tensor:
        """`[batch, tokens, width]`: candidates' embeddings, weighted by a Gumbel softmax of their scores."""
        weights = functional.gumbel_softmax(self.scores(token_ids, embed), tau=temperature, dim=-1)
        mixed: Tensor = (weights[..., None] * embed(self.candidates[token_ids])).sum(dim=2)
        return mixed

    @torch.no_grad()
    def choose(self, token_ids: Tensor, embed: nn.Module) -> Tensor:
        """`[batch, tokens]`: the candidates of the highest score."""
        best = self.scores(token_ids, embed).argmax(dim=-1, keepdim=True)
        return self.candidates[token_ids].gather(-1, best)[..., 0]

    def substitute(self, text: str, tokenizer: Any, embed: nn.Module) -> str:
        """The text with the chosen words at the places of the old ones; everything else stays, case included."""
        positions = len(self.weight)
        encoded = tokenizer(text, truncation=True, max_length=positions, return_offsets_mapping=True)
        token_ids = torch.tensor([encoded["input_ids"]], device=self.weight.device)
        chosen = self.choose(token_ids, embed)[0].tolist()
        spans = list(zip(encoded["input_ids"], chosen, encoded["offset_mapping"], strict=True))
        for old, new, (start, end) in reversed(spans):
            if old != new:
                text = text[:start] + _in_place_of(text[start:end], tokenizer.decode([new]).strip()) + text[end:]
        return text

    def _may_change(self, token_ids: Tensor) -> Tensor:
        """`[batch, tokens]` bool: whole words that no further token belongs to."""
        following = functional.pad(self.continues_word[token_ids][:, 1:], (0, 1))
        return self.is_word[token_ids] & ~following


def _in_place_of(old: str, new: str) -> str:
    """The new word behind the old one's leading space, which some tokenizers count in, with its capital letter."""
    word = old.lstrip()
    return old[: len(old) - len(word)] + (new.capitalize() if word[:1].isupper() else new)
