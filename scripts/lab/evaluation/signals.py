"""What attention, gradient and their product say of each text, and what the model answers without the top word."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from handler.xgraad import Classifier
from handler.xgraad.editing.neutralizer import Neutralizer
from handler.xgraad.model.attribution import attention_score, attribution, gradient_score
from handler.xgraad.model.classifier import Trace
from handler.xgraad.words.encoding import NO_WORD, Encoding
from handler.xgraad.words.occurrences import occurrences
from handler.xgraad.words.text import Word, replace_spans

CHANNELS = ("attention", "gradient", "product")
"""Scores of a token: Eq. 5, Eq. 6, and Eq. 7, whose maximum over a text is the anomaly score (Eq. 8)."""
CHUNK = 256

Values = NDArray[np.float64]
Labels = NDArray[np.int64]


class Signals(NamedTuple):
    """One text and the scores of its scored tokens; higher = more suspicious in every channel."""

    encoding: Encoding
    label_id: int
    """The plain prediction."""
    words: tuple[int, ...]
    """For each scored token the word it belongs to, as an index into the encoding's words."""
    channels: dict[str, Values]
    """`[scored tokens]` for each of `CHANNELS`."""

    def top(self, channel: str) -> float:
        """The largest score, 0 in a text without a scored token."""
        return float(self.channels[channel].max(initial=-np.inf)) if self.words else 0.0

    def top_word(self, channel: str) -> Word | None:
        """The word with the largest score, the first of equals; None in a text without one."""
        return self.encoding.words[self.words[int(self.channels[channel].argmax())]] if self.words else None

    def attributions(self) -> list[tuple[Word, float]]:
        """Every scored word, in text order, with the largest product (Eq. 7) that one of its tokens has."""
        largest: dict[int, float] = {}
        for word, value in zip(self.words, self.channels["product"].tolist(), strict=True):
            largest[word] = max(value, largest.get(word, -np.inf))
        return [(self.encoding.words[word], value) for word, value in sorted(largest.items())]


class SignalAnswers(NamedTuple):
    """What one channel makes of some texts: enough to tell the paper's rule at any threshold."""

    tops: Values
    """`[texts]`, the largest score of each; higher = more suspicious."""
    plain: Labels
    """`[texts]`, predictions for the texts as they are."""
    edited: Labels
    """`[texts]`, predictions once the top word is neutralized, which does not depend on the threshold."""

    def at(self, threshold: float) -> Labels:
        """`[texts]`, the defended predictions: those above the threshold are edited."""
        return np.where(self.tops > threshold, self.edited, self.plain)


def read_signals(classifier: Classifier, texts: Sequence[str], *, name: str = "texts") -> list[Signals]:
    """Score texts, in order; `name` is what the progress bar calls them."""
    found: list[Signals] = []
    with tqdm(total=len(texts), unit="text", desc=name, disable=None) as bar:
        for start in range(0, len(texts), CHUNK):
            encodings = classifier.encode(texts[start : start + CHUNK])
            found += map(_signals, encodings, classifier.trace(encodings))
            bar.update(len(encodings))
    return found


def tops(signals: Iterable[Signals], channel: str) -> Values:
    """`[texts]`, the largest score of each text."""
    return np.array([each.top(channel) for each in signals])


def answers(classifier: Classifier, neutralize: Neutralizer, signals: Sequence[Signals]) -> dict[str, SignalAnswers]:
    """Neutralize each text's top word in each channel and predict again, once for every different text."""
    edited = {channel: [_without_top_word(each, channel, neutralize) for each in signals] for channel in CHANNELS}
    distinct = sorted({text for texts in edited.values() for text in texts})
    labels = dict(zip(distinct, predict_texts(classifier, distinct), strict=True))
    plain = np.array([each.label_id for each in signals])
    return {
        channel: SignalAnswers(tops(signals, channel), plain, np.array([labels[text] for text in edited[channel]]))
        for channel in CHANNELS
    }


def predict_texts(classifier: Classifier, texts: Sequence[str]) -> list[int]:
    """The plain prediction for each text."""
    return [int(label) for label in classifier.logits(classifier.encode(texts)).argmax(dim=-1)]


def _signals(encoding: Encoding, trace: Trace) -> Signals:
    scored = torch.tensor(encoding.word_of_token) != NO_WORD
    attention, gradient, mask = trace.attention[None], trace.gradient[None], scored[None]
    scores = (attention_score(attention, mask), gradient_score(gradient, mask), attribution(attention, gradient, mask))
    return Signals(
        encoding=encoding,
        label_id=int(trace.logits.argmax()),
        words=tuple(word for word in encoding.word_of_token if word != NO_WORD),
        channels={channel: score[0][scored].double().numpy() for channel, score in zip(CHANNELS, scores, strict=True)},
    )


def _without_top_word(signals: Signals, channel: str, neutralize: Neutralizer) -> str:
    """The text with the top word neutralized wherever it stands."""
    word, text = signals.top_word(channel), signals.encoding.text
    if word is None:
        return text
    return replace_spans(text, neutralize(text, occurrences(signals.encoding.words, word.key)))
