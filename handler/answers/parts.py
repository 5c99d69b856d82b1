"""What is told of a pair: each span in the text where it stands, and each text for itself."""

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
    defense = document["defense"]
    changed = defense["neutralized_text"]
    parts = (None, None) if changed is None else split_pair(changed)
    suspects = [_placed(suspect, text) for suspect in defense["suspects"]]
    found = {
        **document,
        "defense": {**defense, "suspects": suspects, **dict(zip(NEUTRALIZED.values(), parts, strict=True))},
    }
    if "explanation" in document:
        words = [_placed(word, text) for word in document["explanation"]["words"]]
        found["explanation"] = {**document["explanation"], "words": words}
    return found


def _placed(word: dict[str, Any], text: str) -> dict[str, Any]:
    """A record of a word with the part it stands in and its span there."""
    span = place_in(text, word["start"], word["end"])
    return {**word, "part": PARTS[span.part], "start": span.start, "end": span.end}
