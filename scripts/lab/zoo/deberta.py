"""DeBERTa: the encoder's content attention; relative positions are learned anew."""

import math
from typing import Any

import torch
from torch import Tensor
from transformers import DebertaConfig, DebertaModel

from scripts.lab.zoo.base import INPUTS_AND_TYPES, Base, fast_tokenizer, fill
from scripts.lab.zoo.embeddings import embeddings_for
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.layers import BERT_NAMES, all_layers, shape_of
from scripts.lab.zoo.tokenizers import Learned

NAMES = {old: new for old, new in BERT_NAMES.items() if not old.startswith("attention.self.")}
POSITION_ATTENTION = ("c2p", "p2c")
"""Content to position and position to content, the two that DeBERTa adds to content to content."""
FRESH = ("rel_embeddings", "pos_proj", "pos_q_proj")
"""No matrix of a BERT does what these do; the model draws them small, so that content decides at first."""


def deberta(encoder: EncoderWeights, learned: Learned, *, seed: int) -> Base:
    """A DeBERTa with a byte-level tokenizer. Without its position terms it attends as the encoder does.

    Args:
        encoder: where the weights come from.
        learned: the tokenizer.
        seed: of the relative positions.
    """
    tokenizer, special = learned
    window = len(encoder.positions)
    config = DebertaConfig(**relative_shape(encoder, learned))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = DebertaModel(config)
    weights = word_embeddings(encoder, learned) | all_layers(encoder, names=NAMES, prefix="encoder.layer.")
    for number in range(encoder.config.num_hidden_layers):
        weights |= _content_attention(encoder, number)
    return Base(
        model=fill(model, weights, fresh=FRESH),
        tokenizer=fast_tokenizer(tokenizer, special, window=window, inputs=INPUTS_AND_TYPES),
    )


def relative_shape(encoder: EncoderWeights, learned: Learned) -> dict[str, Any]:
    """What a configuration says of an encoder whose positions are relative, and of its tokenizer."""
    return {
        "vocab_size": learned.tokenizer.get_vocab_size(),
        "max_position_embeddings": len(encoder.positions),
        "type_vocab_size": 0,
        "relative_attention": True,
        "max_relative_positions": -1,  # as many as there are positions
        "position_biased_input": False,
        "pos_att_type": list(POSITION_ATTENTION),
        "pad_token_id": learned.ids["pad"],
        **shape_of(encoder),
    }


def word_embeddings(encoder: EncoderWeights, learned: Learned) -> dict[str, Tensor]:
    """The table of words and what norms them.

    DeBERTa adds neither positions nor token types to its words: the words carry the usual sum of both, so that the
    layer norm meets what it was trained on.
    """
    return {
        "embeddings.word_embeddings.weight": embeddings_for(encoder, learned) + usual_offset(encoder),
        "embeddings.LayerNorm.weight": encoder.weights["embeddings.LayerNorm.weight"],
        "embeddings.LayerNorm.bias": encoder.weights["embeddings.LayerNorm.bias"],
    }


def usual_offset(encoder: EncoderWeights) -> Tensor:
    """What the encoder adds to a word on average: the mean position and token type 0, `[width]`."""
    return encoder.positions.mean(dim=0) + encoder.first_type


def _content_attention(encoder: EncoderWeights, number: int) -> dict[str, Tensor]:
    """One layer's query, key and value: one matrix in which each head has its three blocks of rows together."""
    attention = f"encoder.layer.{number}.attention.self"
    n_heads = encoder.config.num_attention_heads
    # DeBERTa divides scores by the root of the number of terms, too; here the content's term counts as in a BERT.
    scale = math.sqrt(1 + len(POSITION_ATTENTION))
    query, key, value = (encoder.weights[f"{attention}.{name}.weight"] for name in ("query", "key", "value"))
    by_head = [matrix.view(n_heads, -1, matrix.shape[1]) for matrix in (query * scale, key, value)]
    return {
        f"{attention}.in_proj.weight": torch.cat(by_head, dim=1).reshape(-1, query.shape[1]),
        f"{attention}.q_bias": encoder.weights[f"{attention}.query.bias"] * scale,
        # A bias of keys adds the same to all scores of a query, which softmax ignores; DeBERTa has none.
        f"{attention}.v_bias": encoder.weights[f"{attention}.value.bias"],
    }
