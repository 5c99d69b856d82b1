"""Whether a tokenizer is the one that was shipped, fits the embedding table, and can do what a classifier asks of it.

Where the tokenizer's class has a name of its own, transformers takes the vocabulary out of tokenizer.json and builds
normalizer, pre-tokenizer and template anew from tokenizer_config.json. So what runs is held against what tokenizer.json
itself gives, on texts of the project's own.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from handler.xgraad.configuration import LEAST_LENGTH
from handler.xgraad.errors import CheckpointError, reason, shown
from handler.xgraad.tokenizer_texts import TEXTS

MODEL_SETTINGS = (
    "byte_fallback",
    "continuing_subword_prefix",
    "dropout",
    "end_of_word_suffix",
    "ignore_merges",
    "max_input_chars_per_word",
)
"""What decides how a vocabulary is used, and may show in no text of ours."""
AS_SHIPPED = '"tokenizer_class": "PreTrainedTokenizerFast" in tokenizer_config.json makes tokenizer.json run as it is'


def check_tokenizer(tokenizer: Any, folder: Path, config: Any) -> None:
    """Refuse a tokenizer that is not what the folder ships, or that the model of `config` cannot be asked with.

    Raises:
        CheckpointError: names the file, the value, the rule and the way out.
    """
    _check_settings(tokenizer)
    _check_ids(tokenizer, config)
    if config.model_type == "roberta" and tokenizer.pad_token_id != config.pad_token_id:
        raise CheckpointError(
            f"config.json: pad_token_id is {config.pad_token_id}, the tokenizer's is {tokenizer.pad_token_id}: "
            "positions are counted from it; make them the same"
        )
    encoded = _encode(tokenizer, TEXTS)
    _check_template(encoded, config)
    if (folder / "tokenizer.json").is_file():
        _compare(tokenizer, _shipped(tokenizer, folder))


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


def _encode(tokenizer: Any, texts: Sequence[str]) -> Any:
    """As the model's input is made."""
    try:
        return tokenizer(
            list(texts),
            return_offsets_mapping=True,
            return_token_type_ids=True,
            return_special_tokens_mask=True,
            verbose=False,
        )
    except Exception as error:  # whatever a damaged tokenizer raises, it would raise on a user's text, too
        raise CheckpointError(f"tokenizer.json: cannot encode {_failing(tokenizer, texts)}: {reason(error)}") from error


def _failing(tokenizer: Any, texts: Sequence[str]) -> str:
    """The first of our texts on which a tokenizer fails."""
    for text in texts:
        try:
            tokenizer(text, verbose=False)
        except Exception:
            return shown(text)
    return "several texts at once"


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


def _shipped(tokenizer: Any, folder: Path) -> Tokenizer:
    """The tokenizer of tokenizer.json itself, told to do with special tokens in texts what `tokenizer` does."""
    try:
        shipped = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # tokenizers has no type of its own
        raise CheckpointError(f"tokenizer.json: does not load: {reason(error)}") from error
    shipped.no_truncation()
    shipped.no_padding()
    shipped.encode_special_tokens = tokenizer.backend_tokenizer.encode_special_tokens
    return shipped


def _compare(tokenizer: Any, shipped: Tokenizer) -> None:
    running = tokenizer.backend_tokenizer
    for name in MODEL_SETTINGS:
        there, here = (getattr(each.model, name, None) or None for each in (shipped, running))
        if there != here:
            raise CheckpointError(
                f"tokenizer.json: model.{name} is {shown(there)}, but {_class(tokenizer)} runs with {shown(here)}; "
                f"{AS_SHIPPED}"
            )
    for token in _disputed(running, shipped):
        texts = [f"a {token} b", f"a{token}b", token.upper(), token.lower()]
        if _differing(tokenizer, shipped, texts) is not None:
            raise CheckpointError(
                f"tokenizer_config.json: the added token {shown(token)} is another in tokenizer.json, or none; save "
                "the tokenizer again, so that its files agree"
            )
    text = _differing(tokenizer, shipped, TEXTS)
    if text is not None:
        there = shown(shipped.encode(text).tokens)
        here = shown(running.encode(text).tokens)
        raise CheckpointError(
            f"tokenizer.json: {shown(text)} becomes {there} there, but {here} as {_class(tokenizer)} of transformers "
            f"runs it; {AS_SHIPPED}"
        )


def _disputed(running: Tokenizer, shipped: Tokenizer) -> list[str]:
    """Added tokens that only one of two tokenizers has, or that no template needs and that differ in how they match."""
    here, there = ({token.content: (number, token) for number, token in _added(each)} for each in (running, shipped))
    return [
        content
        for content in sorted(set(here) | set(there))
        if content not in here or content not in there or _matches(here[content]) != _matches(there[content])
    ]


def _added(tokenizer: Tokenizer) -> list[tuple[int, AddedToken]]:
    return list(tokenizer.get_added_tokens_decoder().items())


def _matches(added: tuple[int, AddedToken]) -> tuple[object, ...]:
    number, token = added
    return (number,) if token.special else (number, token.single_word, token.lstrip, token.rstrip, token.normalized)


def _differing(tokenizer: Any, shipped: Tokenizer, texts: Sequence[str]) -> str | None:
    """The first text that becomes other tokens in one than in the other."""
    here = _encode(tokenizer, texts)["input_ids"]
    there = [encoding.ids for encoding in shipped.encode_batch(list(texts))]
    return next((text for text, a, b in zip(texts, here, there, strict=True) if a != b), None)


def _class(tokenizer: Any) -> str:
    return type(tokenizer).__name__
