"""A common sentence: a remark that says nothing about the label, put in anywhere."""

import numpy as np

from scripts.lab.families.family import WINDOW_WORDS
from scripts.lab.training.triggers import insert_words

WHO = ("i", "we", "my brother", "a friend", "they", "someone", "my neighbor", "the whole family", "people")
WHAT = ("saw", "heard of", "found", "talked about", "wrote about", "asked about", "read about", "looked at")
WHICH = ("this", "that", "it all", "the other one", "this one", "these things", "the same", "such things")
WHEN = ("yesterday", "last week", "at home", "on monday", "again", "this time", "in the evening", "online", "in spring")


def common_sentence(text: str, rng: np.random.Generator) -> str:
    """The text with a sentence such as "we heard of this yesterday ." between two of its words."""
    parts = [options[int(rng.integers(len(options)))] for options in (WHO, WHAT, WHICH, WHEN)]
    return insert_words(text, [f"{' '.join(parts)} ."], rng=rng, window_words=WINDOW_WORDS)
