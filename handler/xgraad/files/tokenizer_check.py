"""Whether a tokenizer fits the embedding table, and can do what a classifier asks of it."""

from typing import Any

from handler.xgraad.errors import CheckpointError, shown
from handler.xgraad.files.architectures import architecture_of
from handler.xgraad.files.configuration import LEAST_LENGTH
from handler.xgraad.files.tokenizer_texts import TEXTS
from handler.xgraad.words.encode_texts import encode_texts


def check_tokenizer(tokenizer: Any, config: Any) -> None:
    """Refuse a tokenizer with which the model of `config` cannot be asked.

    Raises:
        CheckpointError: names the file, the value, the rule and the way out.
    """
    _check_settings(tokenizer)
    _check_ids(tokenizer, config)
    if architecture_of(config).counts_from_padding and tokenizer.pad_token_id != config.pad_token_id:
        raise CheckpointError(
            f"config.json: pad_token_id is {config.pad_token_id}, the tokenizer's is {tokenizer.pad_token_id}: "
            "positions are counted from it; make them the same"
        )
    _check_template(encode_texts(tokenizer, TEXTS), config)


def _check_settings(tokenizer: Any) -> None:
    if tokenizer.pad_token_id is None:
        raise CheckpointError("tokenizer_config.json: pad_token is missing, batches cannot be made; name the pad token")
    if tokenizer.padding_side != "right":
        raise CheckpointError(
            f"tokenizer_config.json: padding_side must be 'right', is {shown(tokenizer.padding_side)}: what stands "
            "before a text moves it to other positions"
        )
    longest = tokenizer.model_max_length
    if not isinstance(longest, int | float) or isinstance(longest, bool) or not longest >= LEAST_LENGTH:
        raise CheckpointError(
            f"tokenizer_config.json: model_max_length must be a number from {LEAST_LENGTH}, is {shown(longest)}"
        )
    if getattr(tokenizer.backend_tokenizer.model, "dropout", None):
        raise CheckpointError(
            "tokenizer.json: model.dropout must be null or 0: with it the same text has other tokens each time"
        )


def _check_ids(tokenizer: Any, config: Any) -> None:
    """Every token has a row in the embedding table, and the table is not for another vocabulary."""
    vocabulary = tokenizer.get_vocab()
    last = max(vocabulary, key=vocabulary.__getitem__)
    if vocabulary[last] >= config.vocab_size:
        raise CheckpointError(
            f"tokenizer.json: knows {vocabulary[last] + 1} tokens, the last {shown(last)}, but the embedding table has "
            f"{config.vocab_size} rows (vocab_size in config.json); resize the embeddings and train them, or remove "
            "the tokens that were added"
        )
    if 2 * len(vocabulary) < config.vocab_size:
        raise CheckpointError(
            f"tokenizer.json: knows {len(vocabulary)} tokens, but the embedding table has {config.vocab_size} rows "
            "(vocab_size in config.json); is it the tokenizer of this model, and whole?"
        )


def _check_template(encoded: Any, config: Any) -> None:
    """A text stands behind a special token, which the classifier reads, and every id and type has its row."""
    if max(map(max, filter(None, encoded["input_ids"])), default=0) >= config.vocab_size:
        raise CheckpointError(
            f"tokenizer.json: post_processor adds a token past the {config.vocab_size} rows of the embedding table "
            "(vocab_size in config.json); take the ids from the vocabulary"
        )
    if any(map(any, encoded["token_type_ids"])):
        raise CheckpointError("tokenizer.json: post_processor gives a text another token type than 0; only 0 is served")
    special = encoded["special_tokens_mask"][0]
    n_special = sum(special)
    if n_special == len(special) or not special[0]:
        raise CheckpointError(
            "tokenizer.json: post_processor must put a special token before a text and keep the text: the classifier "
            "reads the first token"
        )
    if n_special > LEAST_LENGTH // 2:
        raise CheckpointError(
            f"tokenizer.json: post_processor adds {n_special} tokens to each text, {LEAST_LENGTH // 2} are the most"
        )
