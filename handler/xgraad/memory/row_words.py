"""The words of a trigger as a row of a registry's file holds them."""

import json
from collections.abc import Iterable
from unicodedata import normalize

from handler.xgraad.memory.registry import Trigger


def words_of(trigger: Trigger) -> str:
    """The canonical text of a trigger's words."""
    return json.dumps(sorted(trigger.keys))


def keys_in(words: str) -> frozenset[str]:
    """Undo `words_of`.

    Raises:
        ValueError: a row that a hand has written must not pass for something else.
    """
    keys = json.loads(words)
    if not isinstance(keys, list) or not keys or not all(isinstance(key, str) for key in keys):
        raise ValueError("the words of a trigger must be a list of strings")
    return frozenset(keys)


def recomposed(rows: Iterable[tuple[int, str]]) -> list[tuple[str, int]]:
    """The words, with each key in NFC, of rows that were written before keys were: no text has those any more.

    What a hand has written stays, to be refused where it is read.
    """
    return [(composed, row) for row, words in rows if (composed := _composed(words)) != words]


def _composed(words: str) -> str:
    try:
        keys = keys_in(words)
    except (TypeError, ValueError):
        return words
    return json.dumps(sorted({normalize("NFC", key) for key in keys}))
