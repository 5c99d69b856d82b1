"""ALBERT: factorized embeddings fitted to the encoder's, and one of its layers for all."""

import torch
from torch import Tensor
from transformers import AlbertConfig, AlbertModel

from scripts.lab.zoo.base import INPUTS_AND_TYPES, Base, fast_tokenizer, fill
from scripts.lab.zoo.embeddings import embeddings_for
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.layers import layer_weights, shape_of
from scripts.lab.zoo.tokenizers import Learned

NAMES = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.dense",
    "attention.output.LayerNorm": "attention.LayerNorm",
    "intermediate.dense": "ffn",
    "output.dense": "ffn_output",
    "output.LayerNorm": "full_layer_layer_norm",
}
EMBEDDING_SIZE = 128
"""Width of the factorized embeddings, as in the published models; no more than the encoder's width."""
FIT_POSITIONS = 64
"""The up-projection is fitted at so many first positions, where most tokens of a text stand."""


def albert(encoder: EncoderWeights, learned: Learned) -> Base:
    """An ALBERT with a unigram tokenizer. Its shared layer is the encoder's middle one."""
    tokenizer, special = learned
    window = len(encoder.positions)
    weights = _embeddings(encoder, embeddings_for(encoder, learned)) | layer_weights(
        encoder,
        encoder.config.num_hidden_layers // 2,
        names=NAMES,
        prefix="encoder.albert_layer_groups.0.albert_layers.0.",
    )
    weights |= {f"pooler.{kind}": encoder.weights[f"pooler.dense.{kind}"] for kind in ("weight", "bias")}
    config = AlbertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        embedding_size=weights["embeddings.word_embeddings.weight"].shape[1],
        max_position_embeddings=window,
        type_vocab_size=encoder.config.type_vocab_size,
        num_hidden_groups=1,
        inner_group_num=1,
        pad_token_id=learned.ids["pad"],
        bos_token_id=learned.ids["cls"],
        eos_token_id=learned.ids["sep"],
        **shape_of(encoder),
    )
    return Base(
        model=fill(AlbertModel(config), weights),
        tokenizer=fast_tokenizer(tokenizer, special, window=window, inputs=INPUTS_AND_TYPES),
    )


def _embeddings(encoder: EncoderWeights, words: Tensor) -> dict[str, Tensor]:
    """Words, positions and types on the words' main axes, and the way back up.

    What the axes leave out, and the layer norm that stands before the way up here and behind it in a BERT, is made up
    for as well as a linear map can.
    """
    axes = main_axes(words)
    types = encoder.weights["embeddings.token_type_embeddings.weight"]
    # Means go into the way up. Left here they would be most of what the layer norm sees.
    low = {
        "word": (words - words.mean(dim=0)) @ axes,
        "position": (encoder.positions - encoder.positions.mean(dim=0)) @ axes,
        "token_type": (types - types[0]) @ axes,
    }
    place = torch.arange(len(words)) % min(FIT_POSITIONS, len(encoder.positions))
    width = axes.shape[1]
    given = torch.nn.functional.layer_norm(low["word"] + low["position"][place], (width,), eps=_eps(encoder))
    wanted = embedded(encoder, words, place)
    matrix, bias = _linear_fit(given, wanted)
    return {f"embeddings.{name}_embeddings.weight": table for name, table in low.items()} | {
        "embeddings.LayerNorm.weight": torch.ones(width),
        "embeddings.LayerNorm.bias": torch.zeros(width),
        "encoder.embedding_hidden_mapping_in.weight": matrix,
        "encoder.embedding_hidden_mapping_in.bias": bias,
    }


def main_axes(words: Tensor) -> Tensor:
    """`[width, embedding size]`: orthonormal directions in which the words differ most, largest first."""
    centered = (words - words.mean(dim=0)).double()
    _, vectors = torch.linalg.eigh(centered.T @ centered)  # smallest first
    return vectors.flip(1)[:, : min(EMBEDDING_SIZE, words.shape[1])].float()


def embedded(encoder: EncoderWeights, words: Tensor, place: Tensor) -> Tensor:
    """What the encoder's layers are given for words at positions, `[words, width]`."""
    summed = words + encoder.positions[place] + encoder.first_type
    weight, bias = (encoder.weights[f"embeddings.LayerNorm.{kind}"] for kind in ("weight", "bias"))
    return torch.nn.functional.layer_norm(summed, weight.shape, weight, bias, _eps(encoder))


def _eps(encoder: EncoderWeights) -> float:
    return float(encoder.config.layer_norm_eps)


def _linear_fit(given: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The matrix and bias of least squared error from rows of `given` to rows of `wanted`."""
    extended = torch.cat([given, torch.ones(len(given), 1)], dim=1).double()
    # A layer norm's rows sum to zero, so the fit has one direction too many; the pseudo-inverse leaves it at zero.
    solution = (torch.linalg.pinv(extended.T @ extended, hermitian=True) @ (extended.T @ wanted.double())).float()
    return solution[:-1].T, solution[-1]
