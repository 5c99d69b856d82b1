"""Equations 1 to 8 as slow loops, written from the paper, one text at a time and never padded.

Shares nothing with the package but the definition of a word: the model is asked for its full attentions, every sum is
a loop, and the gradient comes from autograd through the whole embedding table.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from handler.xgraad.words.text import split_words

WITHOUT_TOKEN_TYPES = ("distilbert", "eurobert", "modernbert", "mpnet")


class SlowScore(NamedTuple):
    """What the equations give for one text, per token."""

    logits: list[float]
    attention: list[float]
    gradient: list[float]
    scored: list[bool]
    attribution: list[float]
    anomaly_score: float


class SlowScorer:
    """The model as transformers loads it, with attentions of its own."""

    def __init__(self, folder: Path, *, max_length: int) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model: Any = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
        self.max_length = max_length

    def __call__(self, text: str) -> SlowScore:
        encoded = self.tokenizer(
            text, truncation=True, max_length=self.max_length, return_offsets_mapping=True, return_tensors="pt"
        )
        offsets = encoded.pop("offset_mapping")[0].tolist()
        if self.model.config.model_type in WITHOUT_TOKEN_TYPES:
            encoded.pop("token_type_ids", None)
        logits, attentions, gradients = self._run(encoded)
        n_tokens = len(offsets)
        attention = [self._attention_received(attentions, token) for token in range(n_tokens)]
        gradient = [math.sqrt(sum(value * value for value in gradients[token])) for token in range(n_tokens)]
        scored = [_is_in_a_word(text, start, end) for start, end in offsets]
        attribution = _attributions(attention, gradient, scored)
        top = max((s for s, is_scored in zip(attribution, scored, strict=True) if is_scored), default=0.0)
        return SlowScore(logits, attention, gradient, scored, attribution, top)

    def _run(self, encoded: Any) -> tuple[list[float], list[Any], list[list[float]]]:
        """Logits, the attentions of all layers, and the gradient of the predicted class's logit (Eq. 3)."""
        table = self.model.get_input_embeddings()
        embedded: list[torch.Tensor] = []

        def keep(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
            output.retain_grad()
            embedded.append(output)

        hook = table.register_forward_hook(keep)
        output = self.model(**encoded, output_attentions=True)
        hook.remove()
        logits = output.logits[0]
        logits[int(logits.argmax())].backward()
        assert embedded[0].grad is not None
        attentions = [layer[0].tolist() for layer in output.attentions]
        return logits.tolist(), attentions, embedded[0].grad[0].tolist()

    @staticmethod
    def _attention_received(attentions: list[Any], key: int) -> float:
        """Eq. 1 and 2: mean over all heads of all layers, summed over queries."""
        total, n_heads = 0.0, 0
        for layer in attentions:
            for head in layer:
                n_heads += 1
                for query in range(len(head)):
                    total += head[query][key]
        return total / n_heads


def _is_in_a_word(text: str, start: int, end: int) -> bool:
    return any(start < word.end and word.start < end for word in split_words(text)) and start < end


def _attributions(attention: list[float], gradient: list[float], scored: list[bool]) -> list[float]:
    """Eq. 5 to 7; means over scored tokens."""
    indices = [index for index, is_scored in enumerate(scored) if is_scored]
    if not indices:
        return [0.0] * len(scored)
    mean_attention = sum(attention[index] for index in indices) / len(indices)
    mean_gradient = sum(gradient[index] for index in indices) / len(indices)
    return [
        (attention[index] - mean_attention) * (gradient[index] / mean_gradient) if scored[index] else 0.0
        for index in range(len(scored))
    ]
