"""Where words stand in a text: one by itself, some together, and a word of several clusters in a script without spaces.

Clusters that stand side by side are one word to people and to a registry. As a set, two everyday characters would be in
nearly every text.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from handler.xgraad.words.text import Word, begins_without_space, in_text_order, split_words


class Occurrence(NamedTuple):
    """A place where a key stands."""

    key: str
    words: tuple[Word, ...]
    """One, or some side by side that spell it."""


def are_touching(before: Word, after: Word) -> bool:
    """Whether these are of a script without spaces and nothing stands between them."""
    return before.end == after.start and before.needs_no_space and after.needs_no_space


def merged(words: Sequence[Word], continues: Callable[[Word, Word], bool]) -> tuple[Word, ...]:
    """Words of one text, in text order, each made one with the word before it where `continues` says so."""
    groups: list[list[Word]] = []
    for index, word in enumerate(words):
        if index and continues(words[index - 1], word):
            groups[-1].append(word)
        else:
            groups.append([word])
    return tuple(Word("".join(word.text for word in group), group[0].start, group[-1].end) for group in groups)


def joined(words: Sequence[Word]) -> tuple[Word, ...]:
    """Words of one text, in text order, with those that touch made one."""
    return merged(words, are_touching)


def keys_of(words: Sequence[Word]) -> frozenset[str]:
    """The `Word.key` of words of one text, in text order; what touches is one word."""
    return frozenset(word.key for word in joined(words))


def is_one_word(text: str) -> bool:
    """Whether the text is a word, or clusters of a script without spaces that touch."""
    return [word.text for word in joined(split_words(text))] == [text]


def occurrences(words: Sequence[Word], key: str) -> tuple[Word, ...]:
    """Every word of `words` that is the same word as `key` (see `Word.key`), or that helps to spell it."""
    found = chain.from_iterable(each.words for each in Spellings((key,)).find(words))
    return in_text_order(dict.fromkeys(found))


def tightest(words: Sequence[Word], keys: Collection[str]) -> tuple[Word, ...]:
    """Where a trigger of these `Word.key` stands in a text: one word by itself counts wherever it stands.

    Of several the occurrences that lie nearest to one another, the first of equals; nothing where one is missing.
    """
    if len(keys) == 1:
        return occurrences(words, *keys)
    best: tuple[Word, ...] = ()
    latest: dict[str, Occurrence] = {}
    for occurrence in Spellings(keys).find(words):
        latest[occurrence.key] = occurrence
        if len(latest) == len(keys):
            found = in_text_order(set(chain.from_iterable(each.words for each in latest.values())))
            if not best or _extent(found) < _extent(best):
                best = found
    return best


def _extent(words: Sequence[Word]) -> int:
    return words[-1].end - words[0].start


class Spellings:
    """Finds keys among the words of a text."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._keys: Counter[str] = Counter()
        self._beginnings: Counter[str] = Counter()
        """Of the keys that several words may spell."""
        for key in keys:
            self.add(key)

    def add(self, key: str) -> None:
        """Look for this one, too, until it is removed as often as it was added."""
        self._keys[key] += 1
        self._beginnings.update(_beginnings(key))

    def remove(self, key: str) -> None:
        """Undo one `add`."""
        _uncount(self._keys, [key])
        _uncount(self._beginnings, _beginnings(key))

    def find(self, words: Sequence[Word]) -> Iterator[Occurrence]:
        """Every place of every key, by the last word, the longest first."""
        begun: list[tuple[str, int]] = []
        for index, word in enumerate(words):
            key = word.key
            if begun and not are_touching(words[index - 1], word):
                begun = []
            spelled = [*((before + key, first) for before, first in begun), (key, index)]
            for whole, first in spelled:
                if whole in self._keys:
                    yield Occurrence(whole, tuple(words[first : index + 1]))
            begun = [each for each in spelled if each[0] in self._beginnings]


def _beginnings(key: str) -> Iterator[str]:
    return (key[:end] for end in range(1, len(key) if begins_without_space(key) else 0))


def _uncount(counts: Counter[str], members: Iterable[str]) -> None:
    """In time that does not depend on what else is counted; none is left at 0."""
    for member in members:
        counts[member] -= 1
        if not counts[member]:
            del counts[member]
