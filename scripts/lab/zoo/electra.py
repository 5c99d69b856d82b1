"""ELECTRA: the encoder as it is, under another name; the head of its classifiers is another."""

from transformers import ElectraConfig, ElectraModel

from scripts.lab.zoo.base import INPUTS_AND_TYPES, Base, fast_tokenizer, fill
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.layers import shape_of

POOLER = "pooler."
"""Begins the names of what an ELECTRA has no place for: the head has a layer of its own in its stead."""


def electra(encoder: EncoderWeights) -> Base:
    """The same hidden states with the same tokenizer. Embeddings are as wide as layers, so nothing projects them."""
    window = len(encoder.positions)
    config = ElectraConfig(
        vocab_size=len(encoder.words),
        embedding_size=encoder.words.shape[1],
        max_position_embeddings=window,
        type_vocab_size=encoder.config.type_vocab_size,
        pad_token_id=encoder.ids["pad"],
        **shape_of(encoder),
    )
    weights = {name: tensor for name, tensor in encoder.weights.items() if not name.startswith(POOLER)}
    tokenizer = fast_tokenizer(encoder.tokenizer, encoder.special, window=window, inputs=INPUTS_AND_TYPES)
    return Base(model=fill(ElectraModel(config), weights), tokenizer=tokenizer)
