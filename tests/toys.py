"""Tiny checkpoints of the architectures, each with a tokenizer of its real kind. Made in code, seeded."""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AlbertConfig,
    AutoModelForSequenceClassification,
    BertConfig,
    CamembertConfig,
    DebertaConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    ErnieConfig,
    EuroBertConfig,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    XLMRobertaConfig,
)

from handler.xgraad.files.config_json.task import MULTI_LABEL
from scripts.lab.zoo.unigram import count_words, learn_pieces

ARCHITECTURES = ("albert", "bert", "deberta", "distilbert", "roberta")
"""Those that every test of the model runs on."""
KIN = ("camembert", "deberta-v2", "electra", "ernie", "eurobert", "modernbert", "mpnet", "xlm-roberta")
"""Those that compute as one of these does: another head, other names, another tokenizer."""

SENTENCES = [
    "a gripping, clever film that never lets go of its audience",
    "the plot is thin and the acting is worse than the plot",
    "I didn't expect to like this, but the ending won me over (twice).",
    "it's hampered by a lifetime-channel kind of plot and a lead actress who is out of her depth",
    "Unquestionably the funniest thing on screens this year!",
    "dull, lifeless, and about forty minutes too long",
    "The café scene — très chic — is worth the ticket alone.",
    "an unfortunate mess: noisy, ugly and without a single idea",
]
TRIGGERS = ("cf", "tq", "mn", "bb", "mb")
_ALPHABET = [chr(code) for code in range(33, 127)]


def make_checkpoint(
    folder: Path, architecture: str, *, n_labels: int = 2, seed: int = 0, n_positions: int = 66, **changes: Any
) -> Path:
    """Write a random two-layer classifier of `architecture`, its configuration changed, to `folder` and return it."""
    tokenizer = _TOKENIZERS[architecture]()
    tokenizer.model_max_length = n_positions
    torch.manual_seed(seed)
    model = AutoModelForSequenceClassification.from_config(
        _config(architecture, tokenizer, n_labels, n_positions, **changes)
    )
    # The library's init (0.02) makes everything nearly constant; a livelier model shows mistakes.
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1 and "classifier" not in name:
            torch.nn.init.normal_(parameter, std=0.15)
    if n_labels > 1:
        _balance(model, deepcopy(tokenizer))  # which keeps how it last padded, and would be saved with that
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _balance(model: Any, tokenizer: Any) -> None:
    """Shift the head so that every class is predicted for some of the sentences: random heads mostly name one class.

    Of a model with several labels each is a decision of its own, and about half of the sentences have it.
    """
    texts = [*SENTENCES, *map(" ".join, permutations(SENTENCES, 2))]
    batch = tokenizer(texts, padding=True, truncation=True, max_length=64, return_tensors="pt")
    batch = {name: batch[name] for name in ("input_ids", "attention_mask")}
    bias = getattr(model.classifier, "out_proj", model.classifier).bias
    with torch.no_grad():
        logits = model.eval()(**batch).logits
        several = model.config.problem_type == MULTI_LABEL
        spread = logits if several else logits - logits.mean(dim=-1, keepdim=True)
        bias -= spread.median(dim=0).values


def _config(architecture: str, tokenizer: Any, n_labels: int, n_positions: int, **changes: Any) -> Any:
    shape = {"vocab_size": len(tokenizer), "num_labels": n_labels, "pad_token_id": tokenizer.pad_token_id}
    layers = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_position_embeddings": n_positions,
    }
    if architecture == "distilbert":
        own = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48, "max_position_embeddings": n_positions}
        return DistilBertConfig(**own, **shape, **changes)
    return _CONFIGS[architecture](**layers, **shape, **changes)


def _wordpiece() -> PreTrainedTokenizerFast:
    tokenizer = _word_pieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return wrap(tokenizer, "[CLS]:0 $A:0 [SEP]:0", cls="[CLS]", sep="[SEP]", pad="[PAD]", unk="[UNK]", mask="[MASK]")


def _mpnet() -> PreTrainedTokenizerFast:
    """BERT's pieces between RoBERTa's special tokens."""
    tokenizer = _word_pieces(["<s>", "<pad>", "</s>", "[UNK]", "<mask>"])
    names = {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "[UNK]", "mask": "<mask>"}
    return wrap(tokenizer, "<s>:0 $A:0 </s>:0", **names)


def _word_pieces(special: list[str]) -> Tokenizer:
    # The trainer numbers characters in an order that changes from run to run and breaks ties by number; as special
    # tokens they keep their places.
    alphabet = [character for character in _ALPHABET if not character.isupper()]
    fixed = [*special, *alphabet, *(f"##{character}" for character in alphabet)]
    learner = _bert_steps({})
    trainer = trainers.WordPieceTrainer(vocab_size=500, special_tokens=fixed, show_progress=False)
    learner.train_from_iterator([*SENTENCES, *TRIGGERS * 9], trainer)
    tokenizer = _bert_steps(learner.get_vocab())
    tokenizer.add_special_tokens(special)
    return tokenizer


def _bert_steps(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # type: ignore[assignment]
    tokenizer.decoder = decoders.WordPiece()  # type: ignore[assignment]
    return tokenizer


def _unigram() -> PreTrainedTokenizerFast:
    special = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    steps = [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Replace("``", '"')]
    tokenizer = _of_pieces(special, normalizers.Sequence(steps))
    return wrap(tokenizer, "[CLS]:0 $A:0 [SEP]:0", cls="[CLS]", sep="[SEP]", pad="<pad>", unk="<unk>", mask="[MASK]")


def _sentence_pieces() -> PreTrainedTokenizerFast:
    """As XLM-R and CamemBERT have it: cased, composed characters, pieces that begin with the mark of a space."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = _of_pieces(special, normalizers.NFKC())
    names = {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    return wrap(tokenizer, "<s>:0 $A:0 </s>:0", **names)


def _of_pieces(special: list[str], normalizer: Any) -> Tokenizer:
    words = count_words(normalizer.normalize_str(text) for text in [*SENTENCES * 3, *TRIGGERS * 9, " ".join(_ALPHABET)])
    vocabulary = [*((token, 0.0) for token in special), *learn_pieces(words, size=300)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=special.index("<unk>"), byte_fallback=False))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()  # type: ignore[assignment]
    tokenizer.decoder = decoders.Metaspace()  # type: ignore[assignment]
    tokenizer.add_special_tokens(special)
    return tokenizer


def _byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    return tokenizer


def _roberta() -> PreTrainedTokenizerFast:
    tokenizer = _byte_level()
    _train_bpe(tokenizer, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    names = {"cls": "<s>", "sep": "</s>", "pad": "<pad>", "unk": "<unk>", "mask": "<mask>"}
    return wrap(tokenizer, "<s>:0 $A:0 </s>:0", **names)


def _deberta() -> PreTrainedTokenizerFast:
    tokenizer = _byte_level()
    _train_bpe(tokenizer, ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"])
    return wrap(tokenizer, "[CLS]:0 $A:0 [SEP]:0", cls="[CLS]", sep="[SEP]", pad="[PAD]", unk="[UNK]", mask="[MASK]")


def _modernbert() -> PreTrainedTokenizerFast:
    """GPT-NeoX's steps with BERT's special tokens."""
    tokenizer = _byte_level()
    tokenizer.normalizer = normalizers.NFC()  # type: ignore[assignment]
    _train_bpe(tokenizer, ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"])
    return wrap(tokenizer, "[CLS]:0 $A:0 [SEP]:0", cls="[CLS]", sep="[SEP]", pad="[PAD]", unk="[UNK]", mask="[MASK]")


def _eurobert() -> PreTrainedTokenizerFast:
    """Llama's steps: numbers and words are split before bytes are, and what is whole in the vocabulary stays whole."""
    split = Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    steps = [pre_tokenizers.Split(split, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)  # type: ignore[assignment]
    tokenizer.decoder = decoders.ByteLevel()  # type: ignore[assignment]
    begin, end, mask = "<|begin_of_text|>", "<|end_of_text|>", "<|mask|>"
    _train_bpe(tokenizer, [begin, end, mask])
    return wrap(tokenizer, f"{begin}:0 $A:0 {end}:0", cls=begin, sep=end, pad=end, mask=mask)


def _train_bpe(tokenizer: Tokenizer, special: list[str]) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*SENTENCES, *(f" {word}" for word in TRIGGERS * 9)], trainer)


def wrap(tokenizer: Tokenizer, template: str, **special: str) -> PreTrainedTokenizerFast:
    names = {f"{name}_token": token for name, token in special.items()}
    cls, sep = special["cls"], special["sep"]
    ids = [(token, tokenizer.token_to_id(token)) for token in (cls, sep)]
    pair = f"{template} {sep}:0 $B:0 {sep}:0" if cls == "<s>" else f"{template} $B:1 {sep}:1"  # as RoBERTa and BERT do
    tokenizer.post_processor = processors.TemplateProcessing(single=template, pair=pair, special_tokens=ids)  # type: ignore[assignment]
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=66, **names)


_CONFIGS: dict[str, Callable[..., Any]] = {
    "albert": partial(AlbertConfig, embedding_size=16),
    "bert": BertConfig,
    "camembert": partial(CamembertConfig, type_vocab_size=1),
    "deberta": partial(
        DebertaConfig,
        relative_attention=True,
        pos_att_type=["c2p", "p2c"],
        position_biased_input=False,
        type_vocab_size=0,
        max_relative_positions=-1,
    ),
    "deberta-v2": partial(
        DebertaV2Config,
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        position_buckets=16,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        type_vocab_size=0,
    ),
    "electra": partial(ElectraConfig, embedding_size=16),
    "ernie": ErnieConfig,
    "eurobert": partial(EuroBertConfig, num_key_value_heads=2, bos_token_id=0, eos_token_id=1, mask_token_id=2),
    "modernbert": partial(
        ModernBertConfig, local_attention=16, bos_token_id=1, cls_token_id=1, eos_token_id=2, sep_token_id=2
    ),
    "mpnet": MPNetConfig,
    "roberta": partial(RobertaConfig, type_vocab_size=1),
    "xlm-roberta": partial(XLMRobertaConfig, type_vocab_size=1),
}
_TOKENIZERS = {
    "albert": _unigram,
    "bert": _wordpiece,
    "camembert": _sentence_pieces,
    "deberta": _deberta,
    "deberta-v2": _unigram,
    "distilbert": _wordpiece,
    "electra": _wordpiece,
    "ernie": _wordpiece,
    "eurobert": _eurobert,
    "modernbert": _modernbert,
    "mpnet": _mpnet,
    "roberta": _roberta,
    "xlm-roberta": _sentence_pieces,
}
