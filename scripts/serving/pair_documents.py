"""Pairs on their way to a server and back: sent as two fields, read as spans of the whole pair again."""

from typing import Any

from handler.answers.parts import NEUTRALIZED, with_words
from handler.wire.paired import PARTS
from handler.xgraad.words.pair import is_pair, join_pair, split_pair


def fields_of_text(text: str) -> dict[str, str]:
    """What a request says for a text, or for the pair that it is."""
    return dict(zip(PARTS, split_pair(text) if is_pair(text) else (text,), strict=False))


def of_whole(document: dict[str, Any], text: str) -> dict[str, Any]:
    """A reply to a pair with spans of the joined string, as `join_pair` made it; other replies as they are."""
    if not is_pair(text) or "defense" not in document or "labels" in document:
        return document
    second = len(split_pair(text)[0]) + 1
    found = with_words(document, lambda word: _shifted(word, second))
    changed = [found["defense"].pop(name, None) for name in NEUTRALIZED.values()]
    found["defense"]["neutralized_text"] = None if None in changed else join_pair(*changed)
    return found


def _shifted(word: dict[str, Any], second: int) -> dict[str, Any]:
    """A record of a word counted from the start of the whole."""
    shift = second if word["part"] == PARTS[1] else 0
    rest = {name: value for name, value in word.items() if name != "part"}
    return {**rest, "start": word["start"] + shift, "end": word["end"] + shift}
