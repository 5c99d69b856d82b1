"""Trigger Neutralizer: change suspect words in the original string so that a trigger no longer matches."""

import hmac
import string
from collections.abc import Iterable
from typing import Protocol

import numpy as np
import regex

from handler.xgraad.errors import SettingsError
from handler.xgraad.words.encoding import Encoder
from handler.xgraad.words.text import Replacement, Word

LETTERS = tuple(string.ascii_lowercase)


class Neutralizer(Protocol):
    """Says what a suspect word becomes."""

    name: str

    def __call__(self, text: str, words: Iterable[Word]) -> tuple[Replacement, ...]:
        """One replacement for each of `words`, which are spans of `text`. Deterministic."""
        ...


class Delete:
    """Removes the word; white space around it stays."""

    name = "delete"

    def __init__(self, _encode: Encoder) -> None:
        pass

    def __call__(self, text: str, words: Iterable[Word]) -> tuple[Replacement, ...]:
        """Empty replacements."""
        return tuple(Replacement(word.start, word.end, "") for word in words)


class Mask:
    """Puts the tokenizer's mask token in the word's place, or its unknown token where it has no mask.

    Raises:
        SettingsError: it has neither.
    """

    name = "mask"

    def __init__(self, encode: Encoder) -> None:
        token = encode.tokenizer.mask_token or encode.tokenizer.unk_token
        if not token:
            raise SettingsError(
                "neutralizer: must be delete or noise for this tokenizer, which has neither a mask token nor an "
                "unknown one, is mask"
            )
        self._token = str(token)

    def __call__(self, text: str, words: Iterable[Word]) -> tuple[Replacement, ...]:
        """The same token for every word."""
        return tuple(Replacement(word.start, word.end, self._token) for word in words)


class CharacterNoise:
    """Inserts or replaces one or two characters (section 4.2.2) until the word's tokens really change.

    Differs from the authors' script, which deletes every token of two letters or fewer. The noise is drawn from the
    text and a key, so a text always gets the same one and an attacker without the key cannot foresee it.
    """

    name = "noise"
    N_DRAWS = 32

    def __init__(self, encode: Encoder, *, key: bytes) -> None:
        self._encode = encode
        self._key = key

    def __call__(self, text: str, words: Iterable[Word]) -> tuple[Replacement, ...]:
        """Noise drawn once for each spelling, so that a text full of one word costs no more than that word once."""
        words = tuple(words)
        noise = {(word.text, self._after_space(text, word)): word for word in reversed(words)}
        drawn = {spelling: self._noise(text, word) for spelling, word in noise.items()}
        return tuple(
            Replacement(word.start, word.end, drawn[word.text, self._after_space(text, word)]) for word in words
        )

    def _noise(self, text: str, word: Word) -> str:
        """The first draw that keeps none of the word's tokens, or else the one that keeps fewest."""
        seed = hmac.digest(self._key, f"{word.text}:{text}".encode(), "sha256")
        generator = np.random.default_rng(int.from_bytes(seed))
        before = self._tokens(text, word.start, word.text)
        best, fewest = "", len(before) + 1
        for _ in range(self.N_DRAWS):
            draw = _draw(word.text, generator)
            after = self._tokens(text, word.start, draw)
            n_kept = len(set(before) & set(after))
            if after != before and n_kept < fewest:
                best, fewest = draw, n_kept
            if fewest == 0:
                break
        return best or self._fresh(text, word, before, generator)

    def _fresh(self, text: str, word: Word, before: tuple[int, ...], generator: np.random.Generator) -> str:
        """Letters in place of a word that stays unknown to the tokenizer under any noise of two characters."""
        draw = ""
        for _ in range(self.N_DRAWS):
            draw = "".join(generator.choice(LETTERS, size=min(len(word.text), 3)))
            if self._tokens(text, word.start, draw) != before:
                return draw
        return draw[0]

    def _tokens(self, text: str, start: int, word: str) -> tuple[int, ...]:
        """Tokens of `word` as it stands there; byte-level tokenizers count the space before it."""
        return self._encode.token_ids_of(f" {word}" if text[start - 1 : start] == " " else word)

    @staticmethod
    def _after_space(text: str, word: Word) -> bool:
        return text[word.start - 1 : word.start] == " "


def _draw(word: str, generator: np.random.Generator) -> str:
    """Insert one or two letters, or replace one character by one or two, anywhere in the word.

    A character is what a reader takes for one (a grapheme cluster): letters within it would change what its marks mean.
    """
    characters = regex.findall(r"\X", word)
    letters = "".join(generator.choice(LETTERS, size=generator.integers(1, 3)))
    is_insertion = generator.random() < 0.5
    position = int(generator.integers(0, len(characters) + is_insertion))
    return "".join((*characters[:position], letters, *characters[position + (not is_insertion) :]))


def make_neutralizer(name: str, encode: Encoder, *, key: bytes) -> Neutralizer:
    """The neutralizer called `name`: "noise", "mask" or "delete".

    Raises:
        KeyError: there is none of that name; settings are checked before they come here.
        SettingsError: the tokenizer has no token that it would put in.
    """
    if name == "noise":
        return CharacterNoise(encode, key=key)
    plain: dict[str, type[Mask] | type[Delete]] = {"mask": Mask, "delete": Delete}
    return plain[name](encode)
