"""An edit of a text: suspect words changed wherever they stand, and what is told of each."""

from collections.abc import Sequence
from typing import NamedTuple

from handler.xgraad.neutralizer import Neutralizer
from handler.xgraad.scorer import Score
from handler.xgraad.text import Word, occurrences, replace_spans
from handler.xgraad.verdict import Suspect


class Edit(NamedTuple):
    """A text with its suspects changed."""

    text: str
    suspects: tuple[Suspect, ...]


def edit_words(score: Score, words: Sequence[Word], neutralize: Neutralizer) -> Edit:
    """Change each of `words` in the scored text, and every other occurrence of the same word."""
    encoding = score.encoding
    found = {place for word in words for place in occurrences(encoding.words, word.key)}
    places = sorted(found, key=lambda place: place.start)
    replacements = neutralize(encoding.text, places)
    attributions = {word.word: word.attribution for word in score.words}
    suspects = tuple(
        Suspect(
            word=place.text,
            start=place.start,
            end=place.end,
            # A later occurrence may lie past the model's window, where nothing is scored.
            attribution=attributions.get(place, 0.0),
            replacement=replacement.text,
        )
        for place, replacement in zip(places, replacements, strict=True)
    )
    return Edit(replace_spans(encoding.text, replacements), suspects)
