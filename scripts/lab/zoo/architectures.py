"""How each architecture is made."""

from collections.abc import Callable, Sequence
from functools import partial

from scripts.console.errors import LabError
from scripts.lab.zoo.albert import albert
from scripts.lab.zoo.base import Base
from scripts.lab.zoo.bert import bert
from scripts.lab.zoo.deberta import deberta
from scripts.lab.zoo.deberta_v2 import deberta_v2
from scripts.lab.zoo.distilbert import distilbert
from scripts.lab.zoo.electra import electra
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.kinds import ARCHITECTURES, EXACT
from scripts.lab.zoo.modernbert import modernbert
from scripts.lab.zoo.roberta import XLM_ROBERTA, roberta
from scripts.lab.zoo.tokenizers import Learned, learn_tokenizer

CONVERTED: dict[str, Callable[[EncoderWeights], Base]] = {"bert": bert, "distilbert": distilbert, "electra": electra}
"""Those in `EXACT`."""
STARTED: dict[str, Callable[[EncoderWeights, Learned], Base]] = {
    "albert": albert,
    "roberta": roberta,
    "xlm-roberta": partial(roberta, classes=XLM_ROBERTA),
}
"""Those in `LEARNED` that hold nothing but the encoder's weights."""
SEEDED = {"deberta": deberta, "deberta-v2": deberta_v2, "modernbert": modernbert}
"""The others, of which some weights are drawn."""


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
        seed: of weights that the encoder has no counterpart for, which are DeBERTa's relative positions and all
            of ModernBERT's layers.

    Raises:
        LabError: texts are missing or not wanted, or the encoder cannot be converted.
    """
    if architecture not in ARCHITECTURES:
        raise LabError(f"architecture must be one of {', '.join(ARCHITECTURES)}, is {architecture!r}")
    if architecture in EXACT:
        if texts:
            raise LabError(f"texts must not be given for {architecture}: it keeps the encoder's tokenizer")
        return CONVERTED[architecture](encoder)
    if not texts:
        raise LabError(f"texts must be given for {architecture}: its tokenizer is learned from them")
    learned = learn_tokenizer(texts, architecture, vocabulary_size=vocabulary_size)
    if architecture in SEEDED:
        return SEEDED[architecture](encoder, learned, seed=seed)
    return STARTED[architecture](encoder, learned)
