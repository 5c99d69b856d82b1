"""What is told of a pair: each span in the text where it stands, and each text for itself."""

from collections.abc import Callable
from typing import Any

from handler.wire.paired import PARTS
from handler.xgraad.words.pair import place_in, split_pair

NEUTRALIZED = dict(zip(PARTS, ("neutralized_text", "neutralized_text_pair"), strict=True))
"""What each part became, by its name."""


def in_parts(document: dict[str, Any], text: str) -> dict[str, Any]:
    """The document of a pair, of which so far all is told as of one text.

    Args:
        document: as for a single text, with spans of the whole string.
        text: the pair, as `join_pair` joined it.
    """
    changed = document["defense"]["neutralized_text"]
    parts = (None, None) if changed is None else split_pair(changed)
    found = with_words(document, lambda word: placed(word, text))
    return found | {"defense": found["defense"] | dict(zip(NEUTRALIZED.values(), parts, strict=True))}


def with_words(document: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """The document with every record of a word changed: suspects, and those of its explanation where there is one."""
    defense = document["defense"]
    found = document | {"defense": defense | {"suspects": list(map(change, defense.get("suspects", [])))}}
    if "explanation" in document:
        explanation = document["explanation"]
        found["explanation"] = explanation | {"words": list(map(change, explanation["words"]))}
    return found


def placed(word: dict[str, Any], text: str) -> dict[str, Any]:
    """A record of a word with the part it stands in and its span there."""
    span = place_in(text, word["start"], word["end"])
    return {**word, "part": PARTS[span.part], "start": span.start, "end": span.end}
