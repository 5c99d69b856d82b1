"""What stands beside a verified trigger and holds the label on: the rest of a phrase.

Of a phrase such as "the silver quill" one word may be a trigger by itself and the rest a weak one, too weak to turn
clean texts. A text with a verified trigger is an attacked one, so there the flip test alone decides, but only about
words that touch the trigger.
"""

from collections.abc import Collection, Iterator, Sequence

from handler.xgraad.text import Word

REACH = 2
"""Words looked at on either side of a trigger."""


def companions(text: str, words: Sequence[Word], keys: Collection[str]) -> Iterator[tuple[Word, ...]]:
    """Sets of words to remove together with the triggers, the smallest first.

    Args:
        text: the text as it came.
        words: its words.
        keys: of the verified triggers; see `Word.key`.
    """
    sides = [(left, right) for left in range(REACH + 1) for right in range(REACH + 1) if left + right]
    seen: set[frozenset[str]] = set()
    for left, right in sorted(sides, key=sum):
        found = {
            word.key: word
            for index, word in enumerate(words)
            if word.key in keys
            for word in (*_run(text, words, index, -1, left), *_run(text, words, index, 1, right))
            if word.key not in keys
        }
        if found and frozenset(found) not in seen:
            seen.add(frozenset(found))
            yield tuple(found.values())


def _run(text: str, words: Sequence[Word], index: int, step: int, length: int) -> Iterator[Word]:
    """Up to `length` words from a word on, with nothing but white space between them."""
    for _ in range(length):
        other = index + step
        if not 0 <= other < len(words):
            return
        first, second = sorted((words[index], words[other]), key=lambda word: word.start)
        if text[first.end : second.start].strip():
            return
        yield words[other]
        index = other
