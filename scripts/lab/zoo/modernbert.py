"""ModernBERT: the encoder's words, and nothing else of it; the layers are drawn.

Its layers norm what goes in and not what comes out, gate their middle and turn queries and keys by position. No matrix
of a BERT does in them what it did, so that none is put there: a classifier learns all layers from its own texts.
"""

import torch
from torch import Tensor
from transformers import ModernBertConfig, ModernBertModel

from scripts.lab.zoo.base import INPUTS, Base, fast_tokenizer, fill
from scripts.lab.zoo.embeddings import embeddings_for
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.tokenizers import Learned

FRESH = ("layers.", "final_norm")
"""What the model draws for itself."""
LOCAL_ATTENTION = 128
"""Tokens that two of three layers see of a text, as in the published models."""
MIDDLE_WIDTH = 1.5
"""Of a layer's middle, in widths of the model, as in the published base."""


def modernbert(encoder: EncoderWeights, learned: Learned, *, seed: int) -> Base:
    """A ModernBERT with a byte-level tokenizer, as wide and deep as the encoder.

    Args:
        encoder: where the words come from.
        learned: the tokenizer.
        seed: of the layers.
    """
    tokenizer, special = learned
    window, width = len(encoder.positions), encoder.config.hidden_size
    config = ModernBertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=width,
        intermediate_size=int(MIDDLE_WIDTH * width),
        num_hidden_layers=encoder.config.num_hidden_layers,
        num_attention_heads=encoder.config.num_attention_heads,
        max_position_embeddings=window,
        local_attention=LOCAL_ATTENTION,
        **{f"{part}_token_id": number for part, number in _ids(learned).items()},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ModernBertModel(config)
    return Base(
        model=fill(model, _words(encoder, learned), fresh=FRESH),
        tokenizer=fast_tokenizer(tokenizer, special, window=window, inputs=INPUTS),
    )


def _ids(learned: Learned) -> dict[str, int]:
    """Of the special tokens, by all names that a configuration has for them."""
    cls, sep, pad = (learned.ids[part] for part in ("cls", "sep", "pad"))
    return {"cls": cls, "bos": cls, "sep": sep, "eos": sep, "pad": pad}


def _words(encoder: EncoderWeights, learned: Learned) -> dict[str, Tensor]:
    """The table of words, and the scale of what norms it; a ModernBERT's norms shift nothing."""
    return {
        "embeddings.tok_embeddings.weight": embeddings_for(encoder, learned),
        "embeddings.norm.weight": encoder.weights["embeddings.LayerNorm.weight"],
    }
