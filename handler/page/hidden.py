"""Characters that a reader would not see, or that a terminal or a browser would obey: which ones, and their names."""

import unicodedata
from itertools import groupby
from typing import NamedTuple

HIDDEN_CATEGORIES = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}
HIDDEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Invisible characters that Unicode files under letters, marks and symbols."""
SELECTORS = (range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""Variation selectors: marks that at most change how the character before them looks."""

_SHORT_NAMES = {
    "\x00": "NUL",
    "\x08": "BS",
    "\t": "TAB",
    "\n": "LF",
    "\r": "CR",
    "\x1b": "ESC",
    "\x7f": "DEL",
    "\u00a0": "NBSP",
    "\u00ad": "SHY",
    "\u061c": "ALM",
    "\u200b": "ZWSP",
    "\u200c": "ZWNJ",
    "\u200d": "ZWJ",
    "\u200e": "LRM",
    "\u200f": "RLM",
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2060": "WJ",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
    "\ufe0f": "VS16",
    "\ufeff": "BOM",
}


class Run(NamedTuple):
    """A stretch of visible text, or one hidden character once or several times in a row."""

    text: str
    hidden: bool

    @property
    def mark(self) -> str:
        """What stands for hidden characters: a short name, with how many there are."""
        times = f" ×{len(self.text)}" if len(self.text) > 1 else ""
        return f"{_SHORT_NAMES.get(self.text[0], self.code)}{times}"

    @property
    def code(self) -> str:
        """The number of the first character as Unicode writes it, `U+200B`."""
        return f"U+{ord(self.text[0]):04X}"

    @property
    def title(self) -> str:
        """Number and full name of the first character; control characters have no name."""
        return f"{self.code} {unicodedata.name(self.text[0], '')}".rstrip()


def is_hidden(character: str) -> bool:
    """Whether the character would not be seen as it is; the plain space would."""
    if character == " ":
        return False
    return (
        unicodedata.category(character) in HIDDEN_CATEGORIES
        or character in HIDDEN_LETTERS
        or any(ord(character) in selectors for selectors in SELECTORS)
    )


def runs(text: str, *, keep: str = "") -> list[Run]:
    """The text in order, hidden characters apart; those of `keep` count as visible."""

    def key(character: str) -> str:
        return character if is_hidden(character) and character not in keep else ""

    return [Run("".join(group), hidden=bool(character)) for character, group in groupby(text, key)]


def text_runs(text: str) -> list[Run]:
    """The same of a text of lines: line breaks stay line breaks."""
    return runs(text, keep="\n")
