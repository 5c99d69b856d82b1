"""Texts through a tokenizer that may be damaged: it encodes them, or it is refused."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tokenizers import Tokenizer

from handler.xgraad.errors import CheckpointError, reason, shown

Encoded = TypeVar("Encoded")

PANIC = "PanicException"
"""What the library's native code raises where it gives up; it is no `Exception`, and no module exports it."""


def encode_texts(tokenizer: Any, texts: Sequence[str]) -> Any:
    """Texts as the model's input is made of them, by a tokenizer of transformers; not cut.

    Raises:
        CheckpointError: it cannot, so it could not encode a user's text either.
    """
    wanted = {"return_token_type_ids": True, "return_special_tokens_mask": True, "verbose": False}
    return _guarded(lambda some: tokenizer(some, **wanted), list(texts))


def token_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """The same by a tokenizer of the tokenizers library: ids alone.

    Raises:
        CheckpointError: it cannot.
    """
    return [encoding.ids for encoding in _guarded(tokenizer.encode_batch, list(texts))]


def _guarded(encode: Callable[[list[str]], Encoded], texts: list[str]) -> Encoded:
    """All texts at once; where that fails, one after another, to name the one at fault."""
    try:
        return encode(texts)
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != PANIC:
            raise
        if len(texts) == 1:
            message = f"tokenizer.json: cannot encode {shown(texts[0])}: {reason(error)}; save the tokenizer again"
            raise CheckpointError(message) from error
    for text in texts:
        _guarded(encode, [text])
    raise CheckpointError("tokenizer.json: encodes texts one by one, but not together; save the tokenizer again")
