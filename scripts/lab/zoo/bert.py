"""BERT: the encoder as it is."""

from transformers import BertConfig, BertModel

from scripts.lab.zoo.base import INPUTS_AND_TYPES, Base, fast_tokenizer, fill
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.layers import shape_of


def bert(encoder: EncoderWeights) -> Base:
    """The encoder in a tidy folder: float32, current names, a tokenizer that neither pads nor cuts by itself."""
    window = len(encoder.positions)
    config = BertConfig(
        vocab_size=len(encoder.words),
        max_position_embeddings=window,
        type_vocab_size=encoder.config.type_vocab_size,
        pad_token_id=encoder.ids["pad"],
        **shape_of(encoder),
    )
    tokenizer = fast_tokenizer(encoder.tokenizer, encoder.special, window=window, inputs=INPUTS_AND_TYPES)
    return Base(model=fill(BertModel(config), encoder.weights), tokenizer=tokenizer)
