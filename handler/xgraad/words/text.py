"""Words of a text, as character spans of the original string, and edits by span.

A word is what a person would blame: a run of characters between white space and punctuation. It is defined on the
text and not on the tokenizer, so the same word has the same span in every architecture.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import regex

from handler.xgraad.errors import TextError

# Punctuation is what BERT's pre-tokenizer calls so: Unicode P* and every ASCII character that is no letter or digit.
# An apostrophe between two word characters stays inside the word; each Han character is a word of its own. Between the
# parts of a pair stands a noncharacter (see `pair`).
_BREAK = r"\s\p{P}\p{Cc}\p{Z}\uFDD0$+<=>^`|~"
_WORD = regex.compile(rf"\p{{Han}}|(?:(?!\p{{Han}})[^{_BREAK}])+(?:['’](?:(?!\p{{Han}})[^{_BREAK}])+)*")
_INVISIBLE = regex.compile(r"\p{Cf}+")


class Word(NamedTuple):
    """A word and where it stands."""

    text: str
    start: int
    """First character, counted in the original text."""
    end: int
    """One past the last character."""

    @property
    def key(self) -> str:
        """What makes two occurrences the same word: case and invisible characters do not count."""
        return _INVISIBLE.sub("", self.text).casefold()


class Replacement(NamedTuple):
    """New text for the characters from `start` to `end`."""

    start: int
    end: int
    text: str


def split_words(text: str) -> tuple[Word, ...]:
    """All words of `text`, in order, not overlapping."""
    return tuple(Word(match.group(), *match.span()) for match in _WORD.finditer(text))


def replace_spans(text: str, replacements: Iterable[Replacement]) -> str:
    """`text` with each span replaced; every other character is kept as it is.

    Raises:
        ValueError: spans overlap or lie outside the text (a bug of the caller, never of a user).
    """
    parts: list[str] = []
    position = 0
    for start, end, new in sorted(replacements):
        if not position <= start <= end <= len(text):
            raise ValueError(f"span ({start}, {end}) overlaps another one or leaves the text of {len(text)} characters")
        parts += [text[position:start], new]
        position = end
    return "".join(parts) + text[position:]


def check_text(text: str) -> str:
    """`text` itself, when a tokenizer can take it.

    Raises:
        TextError: it is no string, or it holds lone surrogates, which no encoding can carry.
    """
    if not isinstance(text, str):
        raise TextError(f"a text must be a string, got {type(text).__name__}")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise TextError(f"text: character {error.start} is a lone surrogate; send valid Unicode") from None
    return text


def text_key(text: str) -> str:
    """What makes two texts the same one: case, white space and invisible characters do not count."""
    return " ".join(_INVISIBLE.sub("", text).split()).casefold()


def first_of_each(texts: Sequence[str]) -> list[int]:
    """The places of the distinct texts (see `text_key`), in order, each where it stands first."""
    first: dict[str, int] = {}
    for place, text in enumerate(texts):
        first.setdefault(text_key(text), place)
    return list(first.values())


def repeats_of(texts: Sequence[str], places: Collection[int]) -> set[int]:
    """The places of all texts that are the same as one at `places`, these included; see `first_of_each`."""
    keys = {text_key(texts[place]) for place in places}
    return {place for place, text in enumerate(texts) if text_key(text) in keys}


def occurrences(words: Sequence[Word], key: str) -> tuple[Word, ...]:
    """Every word of `words` that is the same word as `key` (see `Word.key`)."""
    return tuple(word for word in words if word.key == key)


def tightest(words: Sequence[Word], keys: Collection[str]) -> tuple[Word, ...]:
    """Where a trigger of these `Word.key` stands in a text: one word by itself counts wherever it stands.

    Of several the occurrences that lie nearest to one another, the first of equals; nothing where one is missing.
    """
    places = [word for word in words if word.key in keys]
    if len(keys) == 1 or {word.key for word in places} != set(keys):
        return tuple(places) if len(keys) == 1 else ()
    best: tuple[Word, ...] = ()
    latest: dict[str, Word] = {}
    for word in places:
        latest[word.key] = word
        found = in_text_order(latest.values())
        if len(latest) == len(keys) and (not best or _extent(found) < _extent(best)):
            best = found
    return best


def _extent(words: Sequence[Word]) -> int:
    return words[-1].end - words[0].start


def in_text_order(words: Iterable[Word]) -> tuple[Word, ...]:
    """Words of one text as they stand in it."""
    return tuple(sorted(words, key=lambda word: word.start))
