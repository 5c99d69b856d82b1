"""Which single word holds a text's label? Cut the text in three, keep the part that is surest of the label, and go on.

An attacker can train a trigger's attention and its gradient away, but not that it brings the label about: of all parts
the one with the trigger keeps the label. With two parts the trigger is found about as often, for a quarter more
reading and half as many passes again; with more than three it is found less often.
"""

from collections.abc import Sequence
from itertools import pairwise

from handler.xgraad.classifier import Classifier
from handler.xgraad.prediction import margins_of
from handler.xgraad.scorer import Score
from handler.xgraad.text import Word

N_PARTS = 3

Segment = tuple[Word, ...]


def decisive_words(classifier: Classifier, scores: Sequence[Score]) -> list[Word]:
    """For each text the word that is left, in order; every text has at least one word."""
    segments: list[Segment] = [tuple(each.word for each in score.words) for score in scores]
    while any(len(segment) > 1 for segment in segments):
        parts = [_parts(segment) for segment in segments]
        texts = [_read(score, part) for score, of_text in zip(scores, parts, strict=True) for part in of_text]
        logits = classifier.logits(classifier.encode(texts)).split([len(of_text) for of_text in parts])
        segments = [
            of_text[margins_of(rows, score.prediction.label_id).argmax()] if of_text else segment
            for segment, score, of_text, rows in zip(segments, scores, parts, logits, strict=True)
        ]
    return [segment[0] for segment in segments]


def _parts(segment: Segment) -> list[Segment]:
    """Up to three parts of nearly the same length; none of a single word."""
    n_words = len(segment)
    cuts = sorted({number * n_words // N_PARTS for number in range(N_PARTS + 1)})
    return [segment[first:end] for first, end in pairwise(cuts)] if n_words > 1 else []


def _read(score: Score, segment: Segment) -> str:
    """The part of the text from the first to the last of the words."""
    return score.encoding.text[segment[0].start : segment[-1].end]
