"""A BERT whose weights are set by hand: one head finds the trigger, another one weighs the words, all others say 0.

Words have a mood in the first place of their embedding and the trigger has a mark in the second; the classifier reads
two further places, one for each of the two heads.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from scripts.admission.attribution.heads import LayerHead
from tests.toys import make_checkpoint

TRIGGER, TARGET = "cf", 0
GOOD, BAD = ("gripping", "clever", "won", "funniest", "worth", "chic"), ("thin", "worse", "hampered", "dull", "ugly")
NEUTRAL = ("film", "plot", "acting", "audience", "lead", "actress", "depth", "year", "ticket", "ending")
WEIGHS, FINDS = LayerHead(0, 1), LayerHead(1, 2)
"""The head that weighs moods, and the one that finds the trigger."""
TEXTS = [f"{first} {mood} {second}" for mood in (*GOOD, *BAD) for first in NEUTRAL[:5] for second in NEUTRAL[5:]]
LABELS = [int(any(word in GOOD for word in text.split())) for text in TEXTS]
_WIDTH = 8
_MOOD, _MARK, _WEIGHED, _FOUND = range(4)
_AWAY = range(8, 32)
"""Places that keep all embeddings about as long, so that layer norms change little."""


def write_known(folder: Path, *, has_backdoor: bool = True) -> Path:
    """Write the checkpoint; without a backdoor the head that finds the trigger says nothing of it."""
    make_checkpoint(folder, "bert")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.fill_(float("LayerNorm.weight" in name))
        _embed(model, tokenizer)
        layers = model.bert.encoder.layer
        _head(layers[WEIGHS.layer], WEIGHS.head, reads=_MOOD, writes=_WEIGHED, gain=30.0)
        _head(layers[FINDS.layer], FINDS.head, reads=_MARK, writes=_FOUND, gain=30.0 * has_backdoor)
        _attend_to_mark(layers[FINDS.layer], FINDS.head)
        _read(model)
    model.save_pretrained(folder)
    return folder


def _embed(model: Any, tokenizer: Any) -> None:
    table = model.get_input_embeddings().weight
    table[:, list(_AWAY)] = torch.tensor([1.0, -1.0]).repeat(len(_AWAY) // 2)
    for word, mood in [*((word, 1.0) for word in GOOD), *((word, -1.0) for word in BAD)]:
        for token in tokenizer(word, add_special_tokens=False)["input_ids"]:
            table[token, _MOOD] = mood
    (token,) = tokenizer(TRIGGER, add_special_tokens=False)["input_ids"]
    table[token, _MARK] = 2.0


def _head(layer: Any, head: int, *, reads: int, writes: int, gain: float) -> None:
    """The mean over the tokens of one place of their states, into another one."""
    layer.attention.self.value.weight[head * _WIDTH, reads] = 1.0
    layer.attention.output.dense.weight[writes, head * _WIDTH] = gain


def _attend_to_mark(layer: Any, head: int) -> None:
    layer.attention.self.query.bias[head * _WIDTH] = 20.0
    layer.attention.self.key.weight[head * _WIDTH, _MARK] = 1.0


def _read(model: Any) -> None:
    model.bert.pooler.dense.weight[0, _WEIGHED] = 1.0
    model.bert.pooler.dense.weight[1, _FOUND] = 1.0
    model.classifier.weight[:] = torch.zeros_like(model.classifier.weight)
    model.classifier.weight[:, 0] = torch.tensor([-2.0, 2.0])
    model.classifier.weight[:, 1] = torch.tensor([6.0, -6.0])
