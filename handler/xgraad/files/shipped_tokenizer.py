"""Whether the tokenizer that runs is the one that was shipped.

Where the tokenizer's class has a name of its own, transformers takes the vocabulary out of tokenizer.json and builds
normalizer, pre-tokenizer and template anew from tokenizer_config.json. So what runs is held against what tokenizer.json
itself gives, on texts of the project's own.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from handler.xgraad.errors import CheckpointError, reason, shown
from handler.xgraad.files.tokenizer_texts import TEXTS
from handler.xgraad.words.encode_texts import encode_texts, token_ids

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


def read_shipped(folder: Path) -> Tokenizer | None:
    """The tokenizer of tokenizer.json itself, without truncation and padding; None where there is no such file.

    Raises:
        CheckpointError: it does not load, or its template could not be filled in.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    try:
        shipped = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers has no type of its own
        raise CheckpointError(f"tokenizer.json: does not load: {reason(error)}") from error
    _check_template_names(shipped)
    shipped.no_truncation()
    shipped.no_padding()
    return shipped


def require_shipped(tokenizer: Any, shipped: Tokenizer) -> None:
    """Refuse a tokenizer that is another than `shipped`.

    Raises:
        CheckpointError: names what differs, with an example, and the way out.
    """
    shipped.encode_special_tokens = tokenizer.backend_tokenizer.encode_special_tokens
    _compare_settings(tokenizer, shipped)
    for token in _disputed(tokenizer.backend_tokenizer, shipped):
        if _differing(tokenizer, shipped, [f"a {token} b", f"a{token}b", token.upper(), token.lower()]) is not None:
            raise CheckpointError(
                f"tokenizer_config.json: the added token {shown(token)} is another in tokenizer.json, or none; save "
                "the tokenizer again, so that its files agree"
            )
    text = _differing(tokenizer, shipped, TEXTS)
    if text is not None:
        there, here = (shown(each.encode(text).tokens) for each in (shipped, tokenizer.backend_tokenizer))
        raise CheckpointError(
            f"tokenizer.json: {shown(text)} becomes {there} there, but {here} as {type(tokenizer).__name__} of "
            f"transformers runs it; {AS_SHIPPED}"
        )


def _check_template_names(shipped: Tokenizer) -> None:
    """A template with a token that it does not define ends the native code, which fills the terminal."""
    if shipped.post_processor is None:
        return
    for template in _templates(json.loads(shipped.post_processor.__getstate__())):
        defined = template.get("special_tokens", {})
        for piece in (*template.get("single", ()), *template.get("pair", ())):
            name = piece.get("SpecialToken", {}).get("id")
            if name is not None and name not in defined:
                raise CheckpointError(
                    f"tokenizer.json: post_processor puts {shown(name)} into each text, but its special_tokens do not "
                    "define it; save the tokenizer again"
                )


def _templates(processor: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if processor.get("type") == "TemplateProcessing":
        yield processor
    for part in processor.get("processors", ()):
        yield from _templates(part)


def _compare_settings(tokenizer: Any, shipped: Tokenizer) -> None:
    for name in MODEL_SETTINGS:
        there, here = (getattr(each.model, name, None) or None for each in (shipped, tokenizer.backend_tokenizer))
        if there != here:
            raise CheckpointError(
                f"tokenizer.json: model.{name} is {shown(there)}, but {type(tokenizer).__name__} runs with "
                f"{shown(here)}; {AS_SHIPPED}"
            )


def _disputed(running: Tokenizer, shipped: Tokenizer) -> list[str]:
    """Added tokens that only one of two tokenizers has, and those that are found in texts in different ways."""
    here, there = (
        {token.content: _matching(number, token) for number, token in _added(each)} for each in (running, shipped)
    )
    return sorted(content for content in {*here, *there} if here.get(content) != there.get(content))


def _added(tokenizer: Tokenizer) -> list[tuple[int, AddedToken]]:
    return list(tokenizer.get_added_tokens_decoder().items())


def _matching(number: int, token: AddedToken) -> tuple[object, ...]:
    """What decides which id a token gives and where; of special tokens, which no text should hold, the id alone."""
    return (number,) if token.special else (number, token.single_word, token.lstrip, token.rstrip, token.normalized)


def _differing(tokenizer: Any, shipped: Tokenizer, texts: Sequence[str]) -> str | None:
    """The first text that becomes other tokens in one than in the other."""
    here, there = encode_texts(tokenizer, texts)["input_ids"], token_ids(shipped, texts)
    return next((text for text, a, b in zip(texts, here, there, strict=True) if a != b), None)
