"""DeBERTa-v2: the encoder's content attention; relative positions are learned anew, and share its matrices."""

import math

import torch
from torch import Tensor
from transformers import DebertaV2Config, DebertaV2Model

from scripts.lab.zoo.base import INPUTS_AND_TYPES, Base, fast_tokenizer, fill
from scripts.lab.zoo.deberta import POSITION_ATTENTION, relative_shape, word_embeddings
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.layers import BERT_NAMES, all_layers
from scripts.lab.zoo.tokenizers import Learned

ATTENTION = "attention.self."
NAMES = {old: f"{new}_proj" if old.startswith(ATTENTION) else new for old, new in BERT_NAMES.items()}
FRESH = ("rel_embeddings",)
"""No table of a BERT is what this one is."""
POSITION_BUCKETS = 256
"""Distances that are told apart, as in the published models; far ones share buckets."""


def deberta_v2(encoder: EncoderWeights, learned: Learned, *, seed: int) -> Base:
    """A DeBERTa-v2 with a unigram tokenizer. Without relative positions it attends as the encoder does.

    Args:
        encoder: where the weights come from.
        learned: the tokenizer.
        seed: of the relative positions.
    """
    tokenizer, special = learned
    window = len(encoder.positions)
    config = DebertaV2Config(
        **relative_shape(encoder, learned),
        position_buckets=POSITION_BUCKETS,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = DebertaV2Model(config)
    weights = word_embeddings(encoder, learned) | _position_norm(encoder)
    weights |= all_layers(encoder, names=NAMES, prefix="encoder.layer.")
    for number in range(encoder.config.num_hidden_layers):
        weights |= _query(encoder, number)
    return Base(
        model=fill(model, weights, fresh=FRESH),
        tokenizer=fast_tokenizer(tokenizer, special, window=window, inputs=INPUTS_AND_TYPES),
    )


def _position_norm(encoder: EncoderWeights) -> dict[str, Tensor]:
    """Relative positions pass a layer norm, which makes them small, so that content decides at first."""
    width = encoder.config.hidden_size
    return {
        "encoder.LayerNorm.weight": torch.full((width,), float(encoder.config.initializer_range)),
        "encoder.LayerNorm.bias": torch.zeros(width),
    }


def _query(encoder: EncoderWeights, number: int) -> dict[str, Tensor]:
    """One layer's query. Scores are divided by the root of the number of terms, too, and its bias is in two of them.

    Positions go through the matrix of the content's query, with its bias: what they say to content has the bias once
    more. The key's bias in the third term adds the same to all scores of a query, which softmax ignores.
    """
    scale = math.sqrt(1 + len(POSITION_ATTENTION))
    matrix, bias = (encoder.weights[f"encoder.layer.{number}.{ATTENTION}query.{kind}"] for kind in ("weight", "bias"))
    name = f"encoder.layer.{number}.{ATTENTION}query_proj"
    return {f"{name}.weight": matrix * scale, f"{name}.bias": bias * scale / 2}
