"""A BERT's layers under the names that other architectures have for the same matrices."""

from collections.abc import Mapping

from torch import Tensor

from scripts.lab.zoo.encoder import EncoderWeights

BERT_NAMES = {
    "attention.self.query": "attention.self.query",
    "attention.self.key": "attention.self.key",
    "attention.self.value": "attention.self.value",
    "attention.output.dense": "attention.output.dense",
    "attention.output.LayerNorm": "attention.output.LayerNorm",
    "intermediate.dense": "intermediate.dense",
    "output.dense": "output.dense",
    "output.LayerNorm": "output.LayerNorm",
}
"""Every block of a layer; tables of other architectures have the same keys."""


def layer_weights(encoder: EncoderWeights, number: int, *, names: Mapping[str, str], prefix: str) -> dict[str, Tensor]:
    """Weights and biases of one layer under new names.

    Args:
        encoder: whose layer.
        number: which, from 0 up.
        names: blocks of a BERT layer to those of the other architecture; others are left out.
        prefix: what stands before the new names, with its full stop.
    """
    return {
        f"{prefix}{new}.{kind}": encoder.weights[f"encoder.layer.{number}.{old}.{kind}"]
        for old, new in names.items()
        for kind in ("weight", "bias")
    }


def all_layers(encoder: EncoderWeights, *, names: Mapping[str, str], prefix: str) -> dict[str, Tensor]:
    """`layer_weights` of every layer, each under `prefix` and its number."""
    weights: dict[str, Tensor] = {}
    for number in range(encoder.config.num_hidden_layers):
        weights |= layer_weights(encoder, number, names=names, prefix=f"{prefix}{number}.")
    return weights


def shape_of(encoder: EncoderWeights) -> dict[str, object]:
    """Config fields that mean the same in BERT, RoBERTa, ALBERT and DeBERTa."""
    fields = (
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "hidden_act",
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "initializer_range",
        "layer_norm_eps",
    )
    return {field: getattr(encoder.config, field) for field in fields}
