"""A BERT with random weights and a tokenizer of its own, so that a demo needs no download; small unless told."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from tokenizers.decoders import WordPiece as WordPieceDecoder
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import WordPieceTrainer
from transformers import BertConfig, BertForSequenceClassification

from scripts.texts.corpora import Corpus

SPECIAL_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class BertShape(NamedTuple):
    """How large a BERT is; heads are 64 wide in those that are published, 32 here."""

    width: int = 128
    n_layers: int = 3
    n_heads: int = 4
    n_positions: int = 128
    spread: float = 0.05
    """Standard deviation of the random weights. Larger ones than usual: so small a model, from nothing and on ample
    text, learns sooner that way."""


SMALL = BertShape()


def small_bert(corpus: Corpus, folder: Path, *, seed: int, shape: BertShape = SMALL) -> None:
    """Write a base checkpoint: a WordPiece tokenizer of the corpus and a BERT with random weights.

    Args:
        corpus: its training split decides the vocabulary; every other ASCII word falls apart into pieces.
        folder: made where needed; `AutoTokenizer` and `AutoModelForSequenceClassification` load it.
        seed: of the weights.
        shape: three narrow layers unless told.
    """
    n_labels = 1 + max(example.label for example in corpus.train)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _word_piece([example.text for example in corpus.train])
    tokenizer.save(str(folder / "tokenizer.json"))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL_TOKENS, strict=True))
    kind = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": shape.n_positions}
    (folder / "tokenizer_config.json").write_text(json.dumps(kind | names, indent=2) + "\n")
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=shape.width,
        num_hidden_layers=shape.n_layers,
        num_attention_heads=shape.n_heads,
        intermediate_size=4 * shape.width,
        max_position_embeddings=shape.n_positions,
        num_labels=n_labels,
        initializer_range=shape.spread,
        # No dropout: it learns sooner, and what it sees is ample.
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        BertForSequenceClassification(config).save_pretrained(folder)


def _word_piece(texts: Sequence[str]) -> Tokenizer:
    """A tokenizer learned from the texts; the same for the same texts."""
    # The trainer numbers characters in an order that changes from run to run and breaks ties by number. As special
    # tokens they keep their places, and none is missing.
    fixed = [*SPECIAL_TOKENS, *(prefix + chr(code) for prefix in ("", "##") for code in range(33, 127))]
    learner = _bert_tokenizer({})
    learner.train_from_iterator(texts, WordPieceTrainer(vocab_size=1600, special_tokens=fixed, show_progress=False))
    tokenizer = _bert_tokenizer(learner.get_vocab())
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, SPECIAL_TOKENS.index(token)) for token in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def _bert_tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token=SPECIAL_TOKENS[1]))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.decoder = WordPieceDecoder()
    return tokenizer
