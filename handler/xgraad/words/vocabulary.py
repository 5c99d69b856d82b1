"""Words that a tokenizer knows whole: each is one token."""

from collections.abc import Iterable
from typing import NamedTuple

from handler.xgraad.words.encoding import Encoder
from handler.xgraad.words.occurrences import is_one_word


class VocabularyWord(NamedTuple):
    """A word that is one token."""

    token_id: int
    text: str


def whole_words(encode: Encoder, among: Iterable[int] | None = None) -> list[VocabularyWord]:
    """Every entry of the vocabulary that is a whole word, in the order of the ids.

    No special tokens, no punctuation, no pieces of words: an entry counts when its text is one word and that word
    becomes this one token, after white space or, in a script without spaces, right after a letter.

    Args:
        encode: has the vocabulary.
        among: only these entries, and in their order; None for all.
    """
    tokenizer = encode.tokenizer
    special = set(tokenizer.all_special_ids)
    entries = sorted(tokenizer.get_vocab().values()) if among is None else among
    ids = [token_id for token_id in entries if token_id not in special]
    texts = [tokenizer.convert_tokens_to_string([token]).strip() for token in tokenizer.convert_ids_to_tokens(ids)]
    words = [VocabularyWord(token_id, text) for token_id, text in zip(ids, texts, strict=True)]
    one_word = [word for word in words if is_one_word(word.text)]
    return [word for word in one_word if (word.token_id,) in _forms(word.text, encode)]


def _forms(text: str, encode: Encoder) -> tuple[tuple[int, ...] | None, ...]:
    """The tokens of a word after white space, and right after a letter where it may stand there."""
    return encode.token_ids_of(f" {text}"), encode.glued_ids_of(text)
