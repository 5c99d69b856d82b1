"""How each architecture is made."""

from collections.abc import Sequence

from scripts.console.errors import LabError
from scripts.lab.zoo.albert import albert
from scripts.lab.zoo.base import Base
from scripts.lab.zoo.bert import bert
from scripts.lab.zoo.deberta import deberta
from scripts.lab.zoo.distilbert import distilbert
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.kinds import ARCHITECTURES, EXACT, LEARNED
from scripts.lab.zoo.roberta import roberta
from scripts.lab.zoo.tokenizers import byte_level, unigram


def make_base(
    encoder: EncoderWeights,
    architecture: str,
    *,
    texts: Sequence[str] = (),
    vocabulary_size: int = 16000,
    seed: int = 0,
) -> Base:
    """Make a base that can be fine-tuned.

    Args:
        encoder: where the weights come from.
        architecture: one of `ARCHITECTURES`.
        texts: what the tokenizer is learned from; given for the architectures in `LEARNED`, and only for these.
        vocabulary_size: the most tokens of a learned tokenizer.
        seed: of weights that the encoder has no counterpart for, which are DeBERTa's relative positions.

    Raises:
        LabError: texts are missing or not wanted, or the encoder cannot be converted.
    """
    if architecture in EXACT:
        if texts:
            raise LabError(f"texts must not be given for {architecture}: it keeps the encoder's tokenizer")
        return bert(encoder) if architecture == "bert" else distilbert(encoder)
    if architecture not in LEARNED:
        raise LabError(f"architecture must be one of {', '.join(ARCHITECTURES)}, is {architecture!r}")
    if not texts:
        raise LabError(f"texts must be given for {architecture}: its tokenizer is learned from them")
    if architecture == "albert":
        return albert(encoder, unigram(texts, vocabulary_size=vocabulary_size))
    tokenizer = byte_level(texts, architecture, vocabulary_size=vocabulary_size)
    return roberta(encoder, tokenizer) if architecture == "roberta" else deberta(encoder, tokenizer, seed=seed)
