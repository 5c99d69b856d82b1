"""Tokenizers of the kinds that RoBERTa, XLM-R, DeBERTa, ALBERT, ModernBERT have, learned: same texts, same bytes."""

from collections.abc import Sequence
from typing import NamedTuple

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from scripts.console.errors import LabError
from scripts.lab.zoo.unigram import count_words, learn_pieces

SPECIAL = {
    "roberta": {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"},
    "deberta": {"pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "mask": "[MASK]"},
    "deberta-v2": {"pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "unk": "[UNK]", "mask": "[MASK]"},
    "xlm-roberta": {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"},
    "modernbert": {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"},
    "albert": {"pad": "<pad>", "unk": "<unk>", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"},
}
"""Parts and their tokens in the order of their ids, as in the published models."""
NORMALIZERS = {
    "albert": normalizers.Sequence(
        [
            normalizers.Replace("``", '"'),
            normalizers.Replace("''", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
        ]
    ),
    "deberta-v2": normalizers.NFKC(),
    "xlm-roberta": normalizers.NFKC(),
}
"""Of the kinds with unigram tokenizers: ALBERT's has lower case and no accents, the others' are cased."""
LEAST_VOCABULARY = 512
"""Bytes, special tokens and some room to learn."""


class Learned(NamedTuple):
    """A tokenizer with its template, which neither pads nor cuts."""

    tokenizer: Tokenizer
    special: dict[str, str]
    """Parts such as `cls` to their tokens."""

    @property
    def ids(self) -> dict[str, int]:
        """Parts such as `cls` to the ids of their tokens."""
        vocabulary = self.tokenizer.get_vocab()
        return {part: vocabulary[token] for part, token in self.special.items()}


def learn_tokenizer(texts: Sequence[str], architecture: str, *, vocabulary_size: int) -> Learned:
    """Learn the tokenizer of an architecture with special tokens in `SPECIAL`.

    Raises:
        LabError: the vocabulary is too small.
    """
    learn = unigram if architecture in NORMALIZERS else byte_level
    return learn(texts, architecture, vocabulary_size=vocabulary_size)


def byte_level(texts: Sequence[str], architecture: str, *, vocabulary_size: int) -> Learned:
    """Learn a byte-level BPE: cased, spaces belong to the word behind them, no text is unknown.

    Args:
        texts: what to learn from.
        architecture: `roberta`, `deberta` or `modernbert`, whose special tokens and template it gets.
        vocabulary_size: the most tokens; fewer where the texts give no more.

    Raises:
        LabError: the vocabulary is too small.
    """
    _check(vocabulary_size)
    special = SPECIAL[architecture]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size,
        special_tokens=list(special.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    learned = Learned(tokenizer, special)
    # Spaces belong to tokens but not to their offsets, as in the published RoBERTa.
    trimmed = processors.ByteLevel(trim_offsets=True, add_prefix_space=False)
    tokenizer.post_processor = processors.Sequence([trimmed, _template(learned, architecture)])
    return learned


def unigram(texts: Sequence[str], architecture: str, *, vocabulary_size: int) -> Learned:
    """Learn a unigram tokenizer as sentencepiece's: a mark where a word begins.

    Args:
        texts: what to learn from.
        architecture: one of `NORMALIZERS`, whose special tokens and template it gets.
        vocabulary_size: the most tokens; fewer where the texts give no more.

    Raises:
        LabError: the vocabulary is too small.
    """
    _check(vocabulary_size)
    special, normalizer = SPECIAL[architecture], NORMALIZERS[architecture]
    words = count_words(normalizer.normalize_str(text) for text in texts)
    pieces = learn_pieces(words, size=vocabulary_size - len(special))
    vocabulary = [*((token, 0.0) for token in special.values()), *pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=[*special].index("unk"), byte_fallback=False))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens(list(special.values()))
    learned = Learned(tokenizer, special)
    tokenizer.post_processor = _template(learned, architecture)
    return learned


def _template(learned: Learned, architecture: str) -> processors.TemplateProcessing:
    """Special tokens around a text, and before and behind a second one."""
    second = " sep:0 $B:0 sep:0" if architecture in ("roberta", "xlm-roberta") else " $B:1 sep:1"
    cls, sep = learned.special["cls"], learned.special["sep"]
    single = f"{cls}:0 $A:0 {sep}:0"
    return processors.TemplateProcessing(
        single=single,
        pair=single + second.replace("sep", sep),
        special_tokens=[(cls, learned.ids["cls"]), (sep, learned.ids["sep"])],
    )


def _check(vocabulary_size: int) -> None:
    if vocabulary_size < LEAST_VOCABULARY:
        raise LabError(f"vocabulary_size must be at least {LEAST_VOCABULARY}, is {vocabulary_size}")
