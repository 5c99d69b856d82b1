"""Which single word holds a text's label? Halve the text, keep the half that is surer of the label, and go on.

An attacker can train a trigger's attention and its gradient away, but not that it brings the label about: of two halves
the one with the trigger keeps the label. All halvings together read each text about twice.
"""

from collections.abc import Sequence

from handler.xgraad.classifier import Classifier
from handler.xgraad.prediction import margins_of
from handler.xgraad.scorer import Score
from handler.xgraad.text import Word

Segment = tuple[Word, ...]


def decisive_words(classifier: Classifier, scores: Sequence[Score]) -> list[Word]:
    """For each text the word that is left, in order; every text has at least one word."""
    segments: list[Segment] = [tuple(each.word for each in score.words) for score in scores]
    while any(len(segment) > 1 for segment in segments):
        rows = [row for row, segment in enumerate(segments) if len(segment) > 1]
        halves = [half for row in rows for half in _halves(segments[row])]
        texts = [_read(scores[row], half) for row, half in zip(_twice(rows), halves, strict=True)]
        logits = classifier.logits(classifier.encode(texts)).split(2)
        for row, pair, first, second in zip(rows, logits, halves[::2], halves[1::2], strict=True):
            margins = margins_of(pair, scores[row].prediction.label_id)
            segments[row] = first if margins[0] >= margins[1] else second
    return [segment[0] for segment in segments]


def _halves(segment: Segment) -> tuple[Segment, Segment]:
    middle = len(segment) // 2
    return segment[:middle], segment[middle:]


def _read(score: Score, segment: Segment) -> str:
    """The part of the text from the first to the last of the words."""
    return score.encoding.text[segment[0].start : segment[-1].end]


def _twice(rows: Sequence[int]) -> list[int]:
    return [row for row in rows for _ in range(2)]
