"""DistilBERT: an exact conversion for single texts."""

from transformers import DistilBertConfig, DistilBertModel

from scripts.console.errors import LabError
from scripts.lab.zoo.base import INPUTS, Base, fast_tokenizer, fill
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.layers import all_layers

NAMES = {
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}
LAYER_NORM_EPS = 1e-12
"""Written into DistilBERT's code."""


def distilbert(encoder: EncoderWeights) -> Base:
    """The same hidden states with the same tokenizer. Token type 0 moves into the position table.

    Raises:
        LabError: the encoder's layer norms are not DistilBERT's.
    """
    old = encoder.config
    if old.layer_norm_eps != LAYER_NORM_EPS:
        raise LabError(
            f"layer_norm_eps of the encoder must be {LAYER_NORM_EPS} for distilbert, is {old.layer_norm_eps}"
        )
    config = DistilBertConfig(
        vocab_size=len(encoder.words),
        max_position_embeddings=len(encoder.positions),
        n_layers=old.num_hidden_layers,
        n_heads=old.num_attention_heads,
        dim=old.hidden_size,
        hidden_dim=old.intermediate_size,
        dropout=old.hidden_dropout_prob,
        attention_dropout=old.attention_probs_dropout_prob,
        activation=old.hidden_act,
        initializer_range=old.initializer_range,
        pad_token_id=encoder.ids["pad"],
    )
    weights = {
        "embeddings.word_embeddings.weight": encoder.words,
        "embeddings.position_embeddings.weight": encoder.positions + encoder.first_type,
        "embeddings.LayerNorm.weight": encoder.weights["embeddings.LayerNorm.weight"],
        "embeddings.LayerNorm.bias": encoder.weights["embeddings.LayerNorm.bias"],
    } | all_layers(encoder, names=NAMES, prefix="transformer.layer.")
    tokenizer = fast_tokenizer(encoder.tokenizer, encoder.special, window=len(encoder.positions), inputs=INPUTS)
    return Base(model=fill(DistilBertModel(config), weights), tokenizer=tokenizer)
