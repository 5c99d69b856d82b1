"""Everything that one architecture has and another has not, a row for each `model_type`. Needs no torch.

A new one is a row here and a toy in the tests. Its row is right when a checkpoint passes the self-test, which holds
every way of computing logits against the plain model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any


@dataclass(frozen=True, kw_only=True)
class LastLayer:
    """Names of modules: where the last layer goes on with its first token alone, of which the classifier reads."""

    layers: str
    """In the encoder: the list of its layers."""
    attention: str
    """In a layer: the attention, of whose output only the first token is needed."""
    after: tuple[str, ...]
    """In a layer: what takes that output first, and what takes it next where it was added to all tokens meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One `model_type`."""

    counts_from_padding: bool = False
    """Whether positions begin behind the id of the pad token, and not at 0."""
    padding: int | None = None
    """The id that the pad token must have, where the model's code counts positions from this one whatever config.json
    says. None where any id will do."""
    has_token_types: bool = True
    """Whether the model is told which text a token belongs to."""
    own_attention: str | None = None
    """The class of its attention modules where these do not go through transformers' registry; they return an output
    and probabilities, which a hook reads. None where they do."""
    last_layer: LastLayer | None
    """None where layers share their modules, so that none of them can be told to be the last."""
    head_outputs: str = "attention.output.dense"
    """In a layer: the linear layer that the outputs of its heads, side by side, leave the attention through."""
    poolings: Mapping[str, bool] | None = None
    """Values of `classifier_pooling`, each with whether the label is read of the first token then, and not of all. None
    where it always is, and config.json has no such key."""
    vocabulary: tuple[str, ...]
    """The files that a tokenizer is made of where there is no tokenizer.json."""

    def position_offset(self, config: Any) -> int:
        """How many rows of the position table no token can have, of the model that `config` describes."""
        return int(config.pad_token_id) + 1 if self.counts_from_padding else 0

    def reads_first_token(self, config: Any) -> bool:
        """Whether the classifier that `config` describes reads the label of the first token, and not of all."""
        return self.poolings is None or self.poolings[config.classifier_pooling]


_LIKE_BERT = LastLayer(layers="encoder.layer", attention="attention.self", after=("attention.output",))
_PAIRS = ("vocab.json", "merges.txt")
_PIECES = ("sentencepiece.bpe.model",)

ARCHITECTURES = {
    "albert": Architecture(last_layer=None, head_outputs="attention.dense", vocabulary=("spiece.model",)),
    "bert": Architecture(last_layer=_LIKE_BERT, vocabulary=("vocab.txt",)),
    "camembert": Architecture(last_layer=_LIKE_BERT, vocabulary=_PIECES, counts_from_padding=True),
    "deberta": Architecture(last_layer=_LIKE_BERT, vocabulary=_PAIRS, own_attention="DisentangledSelfAttention"),
    "deberta-v2": Architecture(
        last_layer=_LIKE_BERT, vocabulary=("spm.model",), own_attention="DisentangledSelfAttention"
    ),
    "distilbert": Architecture(
        last_layer=LastLayer(layers="transformer.layer", attention="attention", after=("sa_layer_norm",)),
        head_outputs="attention.out_lin",
        vocabulary=("vocab.txt",),
        has_token_types=False,
    ),
    "electra": Architecture(last_layer=_LIKE_BERT, vocabulary=("vocab.txt",)),
    "ernie": Architecture(last_layer=_LIKE_BERT, vocabulary=("vocab.txt",)),
    "eurobert": Architecture(
        last_layer=LastLayer(
            layers="layers", attention="self_attn", after=("self_attn.o_proj", "post_attention_layernorm")
        ),
        head_outputs="self_attn.o_proj",
        vocabulary=("tokenizer.json",),
        has_token_types=False,
        poolings={"bos": True, "late": False, "mean": False},
    ),
    "modernbert": Architecture(
        last_layer=LastLayer(layers="layers", attention="attn", after=("attn.Wo", "mlp_norm")),
        head_outputs="attn.Wo",
        vocabulary=("tokenizer.json",),
        has_token_types=False,
        poolings={"cls": True, "mean": False},
    ),
    "mpnet": Architecture(
        last_layer=LastLayer(layers="encoder.layer", attention="attention.attn", after=("attention.LayerNorm",)),
        head_outputs="attention.attn.o",
        vocabulary=("vocab.txt",),
        own_attention="MPNetSelfAttention",
        has_token_types=False,
        counts_from_padding=True,
        padding=1,
    ),
    "roberta": Architecture(last_layer=_LIKE_BERT, vocabulary=_PAIRS, counts_from_padding=True),
    "xlm-roberta": Architecture(last_layer=_LIKE_BERT, vocabulary=_PIECES, counts_from_padding=True),
}
"""`model_type` of config.json to what is special about it."""


def architecture_of(config: Any) -> Architecture:
    """The row of a configuration that was checked."""
    return ARCHITECTURES[config.model_type]


def vocabularies() -> tuple[tuple[str, ...], ...]:
    """Sets of files that a tokenizer can be made of; tokenizers of one architecture are used with another, too."""
    return tuple(dict.fromkeys([("tokenizer.json",), *(row.vocabulary for row in ARCHITECTURES.values())]))


def tokenizer_files() -> tuple[str, ...]:
    """Names of all files that decide about tokens, sorted."""
    beside = ("added_tokens.json", "special_tokens_map.json", "tokenizer_config.json")
    return tuple(sorted({*beside, *chain(*vocabularies())}))
