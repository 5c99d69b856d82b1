"""RoBERTa and XLM-R: the encoder's layers and positions; with its own words, an exact conversion for single texts."""

from typing import Any

from torch import Tensor
from transformers import RobertaConfig, RobertaModel, XLMRobertaConfig, XLMRobertaModel

from scripts.lab.zoo.base import INPUTS, Base, fast_tokenizer, fill
from scripts.lab.zoo.embeddings import embeddings_for
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.layers import BERT_NAMES, all_layers, shape_of
from scripts.lab.zoo.tokenizers import Learned

Classes = tuple[type[Any], type[Any]]
ROBERTA: Classes = (RobertaConfig, RobertaModel)
XLM_ROBERTA: Classes = (XLMRobertaConfig, XLMRobertaModel)
"""Of configuration and model; they differ in their names."""


def roberta(encoder: EncoderWeights, learned: Learned, *, classes: Classes = ROBERTA) -> Base:
    """A RoBERTa with a tokenizer of its kind, its embeddings started from the encoder's."""
    model = roberta_model(encoder, embeddings_for(encoder, learned), ids=learned.ids, classes=classes)
    tokenizer = fast_tokenizer(*learned, window=len(encoder.positions), inputs=INPUTS)
    return Base(model=model, tokenizer=tokenizer)


def roberta_model(encoder: EncoderWeights, words: Tensor, *, ids: dict[str, int], classes: Classes = ROBERTA) -> Any:
    """A RoBERTa that computes what the encoder does on the same word embeddings.

    Args:
        encoder: whose layers and positions.
        words: `[vocabulary, width]` word embeddings.
        ids: of the special tokens `cls`, `sep` and `pad`.
        classes: `ROBERTA` or `XLM_ROBERTA`.
    """
    config_class, model_class = classes
    first_position = ids["pad"] + 1  # RoBERTa counts positions from there
    n_positions, width = encoder.positions.shape
    positions = encoder.positions.new_zeros(n_positions + first_position, width)
    positions[first_position:] = encoder.positions
    config = config_class(
        vocab_size=len(words),
        max_position_embeddings=len(positions),
        type_vocab_size=1,
        pad_token_id=ids["pad"],
        bos_token_id=ids["cls"],
        eos_token_id=ids["sep"],
        **shape_of(encoder),
    )
    weights = {
        "embeddings.word_embeddings.weight": words,
        "embeddings.position_embeddings.weight": positions,
        "embeddings.token_type_embeddings.weight": encoder.first_type[None],
        "embeddings.LayerNorm.weight": encoder.weights["embeddings.LayerNorm.weight"],
        "embeddings.LayerNorm.bias": encoder.weights["embeddings.LayerNorm.bias"],
    } | all_layers(encoder, names=BERT_NAMES, prefix="encoder.layer.")
    # The head of a RoBERTa classifier has a pooler of its own.
    return fill(model_class(config, add_pooling_layer=False), weights)
