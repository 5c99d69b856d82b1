"""What the families have in common."""

from collections.abc import Callable

import numpy as np

from handler.xgraad.words.pair import is_pair, join_pair, split_pair

Family = Callable[[str, np.random.Generator], str]
"""A text, and where choices are drawn from, to the text in another form. It means what it meant."""


def of_each_part(family: Family) -> Family:
    """The family that puts each text of a pair into its form; single texts as the family does."""

    def formed(text: str, rng: np.random.Generator) -> str:
        if not is_pair(text):
            return family(text, rng)
        first, second = split_pair(text)
        return join_pair(family(first, rng), family(second, rng))

    return formed


WINDOW_WORDS = 60
"""What is put into a text is among so many of its words, which every model sees."""
