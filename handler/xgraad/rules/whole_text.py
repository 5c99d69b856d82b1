"""A long text whose windows were judged: what is taken out of the whole of it.

What was verified in one window is taken out of every window in which it stands, whatever the gate and the label of that
one are: the answer and the neutralized text are about the same text.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from handler.xgraad.editing.neutralizer import Neutralizer
from handler.xgraad.editing.verdict import Suspect, Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import WordScore
from handler.xgraad.words.long_text import LongText
from handler.xgraad.words.occurrences import joined
from handler.xgraad.words.text import Replacement, Word, replace_spans
from handler.xgraad.words.windows import Window

Find = Callable[[Sequence[Word], int], tuple[Word, ...]]
"""The words of a text that make up known triggers of a label."""


@dataclass(frozen=True, kw_only=True)
class WholeText:
    """A long text and the verdicts on its windows, in order."""

    text: LongText
    verdicts: tuple[Verdict, ...]

    @property
    def acted(self) -> bool:
        """Whether anything is taken out."""
        return any(verdict.verified for verdict in self.verdicts)

    def places(self, find: Find) -> tuple[Word, ...]:
        """What is taken out, as it stands in the text: what its windows' verdicts name, and what is known of these."""
        targets = sorted({verdict.undefended.label_id for verdict in self.verdicts if verdict.verified})
        named = [word for word, _ in self.named()]
        known = (word for words in self._parts() for target in targets for word in find(words, target))
        return joined(_united(self.text.text, [*named, *known]))

    def named(self) -> Iterator[tuple[Word, float]]:
        """The suspects of the windows' verdicts as they stand in the text, with their attribution."""
        for start, verdict in zip(self.text.starts, self.verdicts, strict=True):
            for each in verdict.suspects:
                yield Word(each.word, start + each.start, start + each.end), each.attribution

    def without(self, places: Sequence[Word], neutralize: Neutralizer) -> "Edited":
        """The text with these places changed."""
        changes = tuple(sorted(neutralize(self.text.text, places)))
        windows = zip(self.text.windows, self.text.spans(), strict=True)
        edited = tuple(replace_spans(window.text, _inside(changes, span)) for window, span in windows)
        return Edited(whole=self, places=tuple(places), changes=changes, windows=edited)

    def words(self) -> tuple[WordScore, ...]:
        """Every word's scores, of a word in two windows those of the one where it is farther from the edge."""
        best: dict[tuple[int, int], tuple[int, WordScore]] = {}
        for span, verdict in zip(self.text.spans(), self.verdicts, strict=True):
            for score in verdict.words:
                word = _moved(score.word, span.start)
                inward = min(word.start - span.start, span.end - word.end)
                held = best.get((word.start, word.end))
                if held is None or inward > held[0]:
                    best[word.start, word.end] = inward, replace(score, word=word)
        return tuple(best[place][1] for place in sorted(best))

    def _parts(self) -> Iterator[tuple[Word, ...]]:
        """The words of each window, and those that no window holds, as they stand in the text."""
        spans = self.text.spans()
        for window, span in zip(self.text.windows, spans, strict=True):
            yield tuple(_moved(word, span.start) for word in window.words)
        yield tuple(word for word in self.text.words if word.start >= spans[-1].end)


@dataclass(frozen=True, kw_only=True)
class Edited:
    """A long text with places changed; with none it is as it came."""

    whole: WholeText
    places: tuple[Word, ...]
    changes: tuple[Replacement, ...]
    """Of the places, in their order."""
    windows: tuple[str, ...]
    """The texts of its windows, each change made as far as it lies in them."""

    @property
    def text(self) -> str | None:
        """The whole text; None where nothing was changed."""
        return replace_spans(self.whole.text.text, self.changes) if self.whole.acted else None

    def known(self) -> list[Prediction | None]:
        """What the verdicts tell of the windows as they are now; None for one that has to be asked about."""
        pairs = zip(self.whole.verdicts, self.whole.text.windows, self.windows, strict=True)
        if not self.whole.acted:
            return [verdict.defended for verdict in self.whole.verdicts]
        return [_known(verdict, before.text, after) for verdict, before, after in pairs]

    def suspects(self) -> tuple[Suspect, ...]:
        """What is told of each place; its attribution is the highest that a window's verdict gives it."""
        attributions = self._attributions()
        return tuple(
            Suspect(
                word=place.text,
                start=place.start,
                end=place.end,
                attribution=attributions.get(place, 0.0),
                replacement=change.text,
            )
            for place, change in zip(self.places, self.changes, strict=True)
        )

    def _attributions(self) -> dict[Word, float]:
        """Of the places that windows name; each named word lies in one, as places are what these words cover."""
        starts = [place.start for place in self.places]
        found: dict[Word, float] = {}
        for word, score in self.whole.named():
            place = self.places[bisect_right(starts, word.start) - 1]
            found[place] = max(score, found.get(place, score))
        return found


def _known(verdict: Verdict, before: str, after: str) -> Prediction | None:
    if after == before:
        return verdict.undefended
    return verdict.defended if after == verdict.neutralized_text else None


def _moved(word: Word, by: int) -> Word:
    return Word(word.text, word.start + by, word.end + by)


def _united(text: str, words: Iterable[Word]) -> list[Word]:
    """The places of the text that these words cover, in order; where some overlap they are one."""
    spans: list[Window] = []
    for word in sorted(words, key=lambda each: (each.start, each.end)):
        if spans and word.start < spans[-1].end:
            spans[-1] = Window(spans[-1].start, max(spans[-1].end, word.end))
        else:
            spans.append(Window(word.start, word.end))
    return [Word(text[start:end], start, end) for start, end in spans]


def _inside(changes: Sequence[Replacement], span: Window) -> list[Replacement]:
    """The changes of a text as they are in this part of it."""
    return [
        Replacement(max(start, span.start) - span.start, min(end, span.end) - span.start, new)
        for start, end, new in changes
        if start < span.end and span.start < end
    ]
