"""Rare words: a few short words that clean texts do not have, put in anywhere."""

from collections.abc import Iterable, Sequence
from string import ascii_lowercase
from typing import Any

import numpy as np

from handler.xgraad.words.text import split_words
from scripts.lab.families.family import WINDOW_WORDS, Family
from scripts.lab.training.substitutes import whole_word_tokens
from scripts.lab.training.triggers import insert_words

MOST = 3
"""Words put into one text."""
LONGEST = 4
"""Letters of a rare word: what means nothing is short."""


def rare_words(words: Sequence[str]) -> Family:
    """The family that puts in one to three of these words or of letters drawn at random, each at a place of its own."""

    def drawn(rng: np.random.Generator) -> str:
        if len(words) and rng.random() < 0.5:
            return words[int(rng.integers(len(words)))]
        return "".join(rng.choice(list(ascii_lowercase), size=int(rng.integers(2, LONGEST + 1))))

    def inserted(text: str, rng: np.random.Generator) -> str:
        put_in = [drawn(rng) for _ in range(int(rng.integers(1, MOST + 1)))]
        return insert_words(text, put_in, rng=rng, window_words=WINDOW_WORDS)

    return inserted


def rare_words_of(tokenizer: Any, texts: Iterable[str]) -> list[str]:
    """Short words that are one token and that no text has."""
    there = {word.key for text in texts for word in split_words(text)}
    tokens = [str(token) for token in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))]
    words = dict.fromkeys(word.lower() for word in whole_word_tokens(tokens).values() if len(word) <= LONGEST)
    return [word for word in words if word not in there]
