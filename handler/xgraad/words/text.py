"""Words of a text, as character spans of the original string, and edits by span.

A word is what a person would blame: a run of characters between white space and punctuation. In scripts without spaces
it is a grapheme cluster (UAX #29), the least that can be named; `Encoding` puts those together that one token covers,
and what is told of a trigger is put together where it stands side by side. The default word boundaries of UAX #29 are
no better there: they are the clusters, but for runs of Katakana, and cut Khmer ones; other scripts they cut elsewhere.
"""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import regex

from handler.xgraad.errors import TextError

# Punctuation is what BERT's pre-tokenizer calls so: Unicode P* and every ASCII character that is no letter or digit.
# An apostrophe between two word characters stays inside the word. Between the parts of a pair stands a noncharacter.
_MARKED = r"\p{P}$+<=>^`|~"
_BREAK = rf"\s\p{{Cc}}\p{{Z}}\uFDD0{_MARKED}"
# Han, kana, bopomofo and what UAX #14 says needs a dictionary: Thai, Lao, Khmer, Myanmar, Tai. What continues the
# cluster before it begins no word.
_WITHOUT_SPACES = (
    r"(?<!\p{GCB=Prepend})(?![\p{GCB=Extend}\p{GCB=SpacingMark}])"
    rf"(?![{_BREAK}])[\p{{Han}}\p{{scx=Hira}}\p{{scx=Kana}}\p{{Bopomofo}}\p{{LB=SA}}]"
)
_CLUSTER = rf"\p{{Cf}}*+(?={_WITHOUT_SPACES})\X\p{{Cf}}*+"
# Cluster by cluster; some characters alone: that is faster, and flags in a row would take the square of the time.
_ALONE = r"[A-Za-z0-9\p{GCB=Prepend}\p{GCB=Regional_Indicator}]"
_LETTERS = rf"(?:{_ALONE}|(?!{_WITHOUT_SPACES}|[{_BREAK}])\X)+"
# Punctuation under a combining mark is one character to its reader: a keycap, a coloured sign.
_WORD = regex.compile(rf"{_CLUSTER}|(?=[{_MARKED}]\p{{M}})\X|{_LETTERS}(?:['’]{_LETTERS})*")
_BEGINS_WITHOUT_SPACES = regex.compile(rf"\p{{Cf}}*+{_WITHOUT_SPACES}")
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
        """What makes two occurrences the same word: case, invisible characters and how it is composed do not count."""
        return _folded(self.text)

    @property
    def needs_no_space(self) -> bool:
        """Whether it is of a script without spaces."""
        return begins_without_space(self.text)


def _folded(text: str) -> str:
    """Without case and invisible characters, in NFC: canonical caseless matching of chapter 3.13 of Unicode."""
    if text.isascii():
        return text.lower()
    visible = _INVISIBLE.sub("", text)
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", visible).casefold())


def begins_without_space(text: str) -> bool:
    """Whether the text begins with a letter of a script without spaces."""
    return bool(_BEGINS_WITHOUT_SPACES.match(text))


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


def lone_surrogate(text: str) -> int | None:
    """The place of the first character that no encoding can carry; None where all can be."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return error.start
    return None


def check_text(text: str) -> str:
    """`text` itself, when a tokenizer can take it.

    Raises:
        TextError: it is no string, or it holds lone surrogates, which no encoding can carry.
    """
    if not isinstance(text, str):
        raise TextError(f"a text must be a string, got {type(text).__name__}")
    place = lone_surrogate(text)
    if place is not None:
        raise TextError(f"text: character {place} is a lone surrogate; send valid Unicode")
    return text


def text_key(text: str) -> str:
    """What makes two texts the same one: what does not count in a word (see `Word.key`), nor white space."""
    return " ".join(_folded(text).split())


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


def in_text_order(words: Iterable[Word]) -> tuple[Word, ...]:
    """Words of one text as they stand in it."""
    return tuple(sorted(words, key=lambda word: word.start))
