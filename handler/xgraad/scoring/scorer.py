"""Token Attribution Scorer: encodings to scores, merged from tokens to words."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from handler.xgraad.model.attribution import anomaly_score, attribution
from handler.xgraad.model.classifier import Classifier, Trace
from handler.xgraad.model.prediction import Prediction, predict
from handler.xgraad.words.encoding import NO_WORD, Encoding
from handler.xgraad.words.text import Word


@dataclass(frozen=True, kw_only=True)
class WordScore:
    """A word inside the model's window with the largest value that one of its tokens has."""

    word: Word
    attention: float
    """Attention importance (Eq. 2)."""
    gradient: float
    """Gradient importance (Eq. 4)."""
    attribution: float
    """Product of both scores (Eq. 7); higher = more suspicious."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One text's prediction and how much its words stand out."""

    encoding: Encoding
    prediction: Prediction
    anomaly_score: float
    """Eq. 8; higher = more suspicious, 0 for a text without a scored word."""
    n_tokens: int
    """Scored tokens."""
    words: tuple[WordScore, ...]
    """In text order; words past the model's window are not there."""

    def spans(self) -> tuple[Word, ...]:
        """The words themselves, in text order."""
        return tuple(each.word for each in self.words)

    @property
    def top_word(self) -> WordScore | None:
        """The word with the largest attribution, the first of equals; None in a text without words."""
        return max(self.words, key=lambda word: word.attribution, default=None)


def score_encodings(classifier: Classifier, encodings: Sequence[Encoding]) -> list[Score]:
    """Score texts, in order (Eq. 1 to 8). A text's score does not depend on the others."""
    traces = classifier.trace(encodings)
    if not traces:
        return []
    predictions = predict(torch.stack([trace.logits for trace in traces]), classifier.labels)
    return [_score(*row) for row in zip(encodings, predictions, traces, strict=True)]


def _score(encoding: Encoding, prediction: Prediction, trace: Trace) -> Score:
    scored = torch.tensor(encoding.word_of_token) != NO_WORD
    attributions = attribution(trace.attention[None], trace.gradient[None], scored[None])
    return Score(
        encoding=encoding,
        prediction=prediction,
        anomaly_score=float(anomaly_score(attributions, scored[None])[0]),
        n_tokens=int(scored.sum()),
        words=_merge(encoding, trace, attributions[0]),
    )


def _merge(encoding: Encoding, trace: Trace, attributions: Tensor) -> tuple[WordScore, ...]:
    """The largest of each word's tokens: a trigger of several pieces stands out by its strongest one."""
    columns = (trace.attention.tolist(), trace.gradient.tolist(), attributions.tolist())
    largest: dict[int, tuple[float, ...]] = {}
    for index, values in zip(encoding.word_of_token, zip(*columns, strict=True), strict=True):
        if index != NO_WORD:
            largest[index] = tuple(map(max, largest[index], values)) if index in largest else values
    return tuple(
        WordScore(word=encoding.words[index], attention=attention, gradient=gradient, attribution=product)
        for index, (attention, gradient, product) in sorted(largest.items())
    )
