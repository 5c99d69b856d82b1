"""Words of a text that are tested together, where no single one is a trigger.

A sentence works in one piece and not scattered, an AND-trigger scattered and not in one piece; so both are tried: the
run of words around the most suspicious one, and the suspicious words themselves with small gaps filled.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from handler.xgraad.words.text import Word, in_text_order

REACH = 3
"""Words of a run on either side of the most suspicious one."""
MOST_FILLED = 2
"""Words between two suspicious ones that go with them."""
LONGER = 5
"""Words by which a run is longer on either side when it does something already."""
MOST_LARGER = 6
"""Sets, at the most, that scattered words with something to them are tried in, and"""
LEAST_MORE = 4
"""by how many words each of them is larger at the least."""


def bundles(words: Sequence[Word], candidates: Sequence[Word]) -> list[tuple[Word, ...]]:
    """Sets of two or more words to test together, each in text order, no set twice.

    Args:
        words: of the text, in text order, as far as the model sees them.
        candidates: some of them, the most suspicious first.
    """
    position = {word: index for index, word in enumerate(words)}
    places = [position[word] for word in candidates]
    tried = [_run(words, places[0]), _filled(words, sorted(places))] if places else []
    return [each for each in dict.fromkeys(tried) if len(each) > 1]


def larger(words: Sequence[Word], seed: Sequence[Word]) -> list[tuple[Word, ...]]:
    """Larger sets around a seed that does something and not enough: a longer run, or with more words from anywhere.

    Args:
        words: of the text, in text order, as far as the model sees them.
        seed: some of them, in text order.
    """
    position = {word: index for index, word in enumerate(words)}
    first, last = position[seed[0]], position[seed[-1]]
    if last - first == len(seed) - 1:
        return [tuple(words[max(0, first - LONGER) : last + LONGER + 1])]
    inside = set(seed)
    others = [word for word in words if word not in inside]
    n_more = max(LEAST_MORE, math.ceil(len(others) / MOST_LARGER))
    return [
        in_text_order((*seed, *more))
        for start in range(0, len(others), n_more)
        for more in [others[start : start + n_more]]
    ]


def in_pieces(text: str, words: Sequence[Word], chosen: Sequence[Word]) -> tuple[str, ...]:
    """The chosen words as pieces of the text: those with no other word between them are one piece.

    In a script without spaces a piece that stood after one begins with it: its tokens are others inside a sentence.
    """
    position = {word: index for index, word in enumerate(words)}
    places = sorted(position[word] for word in chosen)
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return tuple(_piece(text, words[run[0]], words[run[-1]]) for run in runs)


def _piece(text: str, first: Word, last: Word) -> str:
    stood_apart = first.needs_no_space and text[: first.start][-1:].isspace()
    return " " * stood_apart + text[first.start : last.end]


def _run(words: Sequence[Word], middle: int) -> tuple[Word, ...]:
    return tuple(words[max(0, middle - REACH) : middle + REACH + 1])


def _filled(words: Sequence[Word], places: Sequence[int]) -> tuple[Word, ...]:
    """The words at these places, and those in small gaps between them."""
    inside = set(places)
    for before, after in pairwise(places):
        if after - before <= MOST_FILLED + 1:
            inside.update(range(before, after))
    return tuple(words[place] for place in sorted(inside))
