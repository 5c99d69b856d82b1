"""Embeddings for a new vocabulary: each new token starts at the mean of the encoder's pieces of its text."""

import torch
from tokenizers import Tokenizer
from torch import Tensor

from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.tokenizers import Learned

CONTINUES = "##"
"""What WordPiece puts before a piece that does not begin a word."""
UNDECODABLE = "\ufffd"


def embeddings_for(encoder: EncoderWeights, learned: Learned) -> Tensor:
    """`[tokens, width]` embeddings for a learned tokenizer.

    A word that both vocabularies have keeps its embedding. A special token gets that of its part; a token that stands
    for no text, such as one byte of a longer character, that of the unknown token.
    """
    texts = token_texts(learned.tokenizer)
    pieces = _pieces(encoder, texts)
    for part, number in learned.ids.items():
        pieces[number] = [encoder.ids[part]]
    unknown = [encoder.ids["unk"]]
    return torch.stack([encoder.words[ids or unknown].mean(dim=0) for ids in pieces])


def token_texts(tokenizer: Tokenizer) -> list[str]:
    """What each token stands for, by its id; with a space in front where it begins a word, empty where undecodable."""
    tokens = [tokenizer.id_to_token(number) for number in range(tokenizer.get_vocab_size())]
    # Decoders drop the space before the first token, so another stands there.
    texts = [tokenizer.decoder.decode(["x", token]).removeprefix("x") for token in tokens]
    return ["" if UNDECODABLE in text else text for text in texts]


def _pieces(encoder: EncoderWeights, texts: list[str]) -> list[list[int]]:
    """Ids of the encoder's pieces of each text."""
    plain = [encoding.ids for encoding in encoder.tokenizer.encode_batch(texts, add_special_tokens=False)]
    known = set(texts)
    for number, text in enumerate(texts):
        # A word that the vocabulary also has with a space in front stands at the beginning of a text or after a
        # quotation mark; any other token without a space continues a word.
        if text and not text.startswith(" ") and f" {text}" not in known:
            continued = encoder.tokenizer.token_to_id(CONTINUES + text.lower())
            plain[number] = plain[number] if continued is None else [continued]
    return plain
