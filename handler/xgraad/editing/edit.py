"""An edit of a text: suspect words changed where they stand, and what is told of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from handler.xgraad.editing.neutralizer import Neutralizer
from handler.xgraad.editing.verdict import Suspect
from handler.xgraad.scoring.scorer import Score
from handler.xgraad.words.occurrences import joined, occurrences
from handler.xgraad.words.text import Replacement, Word, in_text_order, replace_spans


@dataclass(frozen=True, kw_only=True)
class Edit:
    """A text with its suspects changed."""

    text: str
    """As edited."""
    suspects: tuple[Suspect, ...]
    replacements: tuple[Replacement, ...]
    """In the order of the original text, not overlapping."""

    def origins(self, original: str) -> list[int]:
        """For each character of the edited text its place in the original one; -1 where it was put in."""
        places: list[int] = []
        position = 0
        for start, end, new in self.replacements:
            places += [*range(position, start), *(-1 for _ in new)]
            position = end
        return [*places, *range(position, len(original))]


def everywhere(score: Score, word: Word) -> tuple[Word, ...]:
    """The word wherever it stands in the scored text, also past the model's window."""
    return occurrences(score.encoding.words, word.key)


def in_original(score: Score, edit: Edit | None, words: Sequence[Word]) -> tuple[Word, ...]:
    """The words of the scored text that these words of its edit were; none for what the edit put in."""
    if edit is None:
        return tuple(words)
    origins = edit.origins(score.encoding.text)
    kept = {place for word in words for place in origins[word.start : word.end] if place >= 0}
    return tuple(word for word in score.encoding.words if not kept.isdisjoint(range(word.start, word.end)))


def edit_words(score: Score, words: Sequence[Word], neutralize: Neutralizer) -> Edit:
    """Change `words` where they stand in the scored text; what touches in a script without spaces is one word."""
    encoding = score.encoding
    places = joined(in_text_order(set(words)))
    replacements = neutralize(encoding.text, places)
    attributions = _attributions(score, places)
    suspects = tuple(
        Suspect(
            word=place.text,
            start=place.start,
            end=place.end,
            # A word may lie past the model's window, where nothing is scored.
            attribution=attributions.get(place.start, 0.0),
            replacement=replacement.text,
        )
        for place, replacement in zip(places, replacements, strict=True)
    )
    return Edit(
        text=replace_spans(encoding.text, replacements), suspects=suspects, replacements=tuple(sorted(replacements))
    )


def _attributions(score: Score, places: Sequence[Word]) -> dict[int, float]:
    """Of the places by their first character, the largest of their words'."""
    scored, found = iter(score.words), dict[int, float]()
    each = next(scored, None)
    for place in places:
        while each and each.word.start < place.end:
            if each.word.start >= place.start:
                found[place.start] = max(each.attribution, found.get(place.start, each.attribution))
            each = next(scored, None)
    return found
