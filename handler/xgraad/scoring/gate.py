"""The gate: which texts are worth a second look, told from the plain forward pass alone.

Three features, because each alone fails somewhere: the most attention that the first token, of which the label is read,
pays to one word in the last layer, since that is how a trigger brings its label about; the distance of the first
token's hidden state to the mean of its predicted class, which says little where that class is wide; and the margin of
the predicted label, which many triggers saturate. Each is turned into a conformal p-value among clean texts, and
Fisher's sum of the three is the gate score. Where the label is read of all tokens, attention and state are their means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from handler.xgraad.frozen import Frozen
from handler.xgraad.model.classifier import Look
from handler.xgraad.model.prediction import margins_of
from handler.xgraad.scoring.conformal import Ascending, Floats, cross_fitted_residuals, linear_trend, p_values
from handler.xgraad.scoring.layer_scatter import LayerScatter, ScatterDistance, Spread
from handler.xgraad.words.encoding import NO_WORD, Encoding

N_FOLDS = 4
ATTENTION_FLOOR = 1e-3
MIN_OF_LABEL = 20
"""Clean texts of one predicted label below which its margins are held against those of all labels."""


class GateStatistics(Frozen):
    """The gate as it was fitted on clean texts; travels in the calibration file."""

    layers: tuple[LayerScatter, ...]
    distance_mean: tuple[float, ...]
    """Per layer, of the clean log distances."""
    distance_std: tuple[Spread, ...]
    distances: Ascending
    """The clean texts' feature distances, ascending."""
    attention_intercept: float
    attention_slope: float
    attentions: Ascending
    """The clean texts' attention residuals, ascending."""
    margins: tuple[Ascending, ...]
    """For each label the margins of the clean texts predicted as it, ascending; of all, where these are too few."""
    fisher: Ascending
    """The clean texts' gate scores, ascending."""


@dataclass(frozen=True, kw_only=True)
class GateScore:
    """How far a text stands out in the plain forward pass."""

    gate_score: float
    """Fisher's sum of the features' p-values; higher = more suspicious."""
    p_value: float
    """Share of clean texts with a gate score at least as high, in (0, 1]."""
    domain: int = 0
    """Number of the domain whose clean texts these are; see `DomainGate`."""


CHANNELS = ("attention", "distance", "margin")
"""The features by name, in the order of `Gate.p_values`."""


class Gate:
    """Gate scores of texts, from what one plain forward pass showed of them."""

    def __init__(self, statistics: GateStatistics) -> None:
        self.statistics = statistics
        self._distances = [ScatterDistance(layer) for layer in statistics.layers]
        of_label = [np.asarray(each) for each in statistics.margins]
        self._clean = _Clean(np.asarray(statistics.attentions), np.asarray(statistics.distances), of_label)
        self._fisher = np.asarray(statistics.fisher)

    @property
    def clean_scores(self) -> tuple[Ascending, ...]:
        """For each domain, here the one, the gate scores of its clean texts, ascending."""
        return (self.statistics.fisher,)

    def p_values(self, encodings: Sequence[Encoding], looks: Sequence[Look]) -> Floats:
        """Conformal p-values among clean texts, `[channels, texts]`; lower = more suspicious."""
        fitted = self.statistics
        trend = fitted.attention_intercept + fitted.attention_slope * log_lengths(encodings)
        states, predicted = _arrays(looks)
        distance = _standardized(_log_distances(self._distances, states, predicted), fitted)
        attention = attention_features(encodings, looks) - trend
        return self._clean.p_values(attention, distance, margins(looks), predicted)

    def __call__(self, encodings: Sequence[Encoding], looks: Sequence[Look]) -> list[GateScore]:
        """One score per text, in order; a text without words gets 0."""
        if not looks:
            return []
        fisher = fisher_sum(self.p_values(encodings, looks))
        ranks = p_values(self._fisher, fisher)
        has_words = [any(index != NO_WORD for index in encoding.word_of_token) for encoding in encodings]
        return [
            GateScore(gate_score=float(f), p_value=float(p)) if has else GateScore(gate_score=0.0, p_value=1.0)
            for f, p, has in zip(fisher, ranks, has_words, strict=True)
        ]


def fit_gate(encodings: Sequence[Encoding], looks: Sequence[Look]) -> GateStatistics:
    """Fit on clean texts; every text's own statistics come from folds without it."""
    states, predicted = _arrays(looks)
    n_labels = len(looks[0].logits)
    held_out = _cross_fitted_distances(states, predicted, n_labels)
    mean, std = held_out.mean(axis=0), held_out.std(axis=0) + 1e-12
    distance = ((held_out - mean) / std).mean(axis=1)
    lengths, raw = log_lengths(encodings), attention_features(encodings, looks)
    attention = cross_fitted_residuals(lengths, raw)
    intercept, slope = linear_trend(lengths, raw)
    of_text = margins(looks)
    of_label = tuple(np.sort(_or_all(of_text, predicted == label)) for label in range(n_labels))
    clean = _Clean(np.sort(attention), np.sort(distance), of_label)
    fisher = fisher_sum(clean.p_values(attention, distance, of_text, predicted))
    return GateStatistics(
        layers=tuple(LayerScatter.fit(states[:, layer], predicted, n_labels) for layer in range(states.shape[1])),
        distance_mean=tuple(mean.tolist()),
        distance_std=tuple(std.tolist()),
        distances=tuple(clean.distances.tolist()),
        attention_intercept=intercept,
        attention_slope=slope,
        attentions=tuple(clean.attentions.tolist()),
        margins=tuple(tuple(each.tolist()) for each in of_label),
        fisher=tuple(np.sort(fisher).tolist()),
    )


def attention_features(encodings: Sequence[Encoding], looks: Sequence[Look]) -> Floats:
    """Log of the largest decision attention of each text, `[texts]`."""
    tops = []
    for encoding, look in zip(encodings, looks, strict=True):
        scored = np.array(encoding.word_of_token) != NO_WORD
        tops.append(float(look.decision.numpy()[scored].max()) if scored.any() else 0.0)
    return np.log(np.array(tops) + ATTENTION_FLOOR)


def log_lengths(encodings: Sequence[Encoding]) -> Floats:
    """Log of each text's number of scored tokens, `[texts]`."""
    counts = [sum(index != NO_WORD for index in encoding.word_of_token) for encoding in encodings]
    return np.log(np.maximum(np.array(counts, dtype=float), 1))


def _arrays(looks: Sequence[Look]) -> tuple[Floats, np.ndarray]:
    """States `[texts, layers, width]` and predicted labels `[texts]`."""
    states = np.stack([look.states.double().numpy() for look in looks])
    return states, np.array([int(look.logits.argmax()) for look in looks])


def _cross_fitted_distances(states: Floats, predicted: np.ndarray, n_labels: int) -> Floats:
    fold = np.arange(len(states)) % N_FOLDS
    held_out = np.empty(states.shape[:2])
    for k in range(N_FOLDS):
        inside = fold == k
        fitted = [
            ScatterDistance(LayerScatter.fit(states[~inside, layer], predicted[~inside], n_labels))
            for layer in range(states.shape[1])
        ]
        held_out[inside] = _log_distances(fitted, states[inside], predicted[inside])
    return held_out


def _log_distances(distances: Sequence[ScatterDistance], states: Floats, predicted: np.ndarray) -> Floats:
    """`[texts, layers]`."""
    return np.stack([distance(states[:, layer], predicted) for layer, distance in enumerate(distances)], axis=1)


def _standardized(distances: Floats, fitted: GateStatistics) -> Floats:
    """The mean over layers, each in units of the clean texts' spread."""
    scaled = (distances - np.array(fitted.distance_mean)) / np.array(fitted.distance_std)
    return np.asarray(scaled.mean(axis=1))


def margins(looks: Sequence[Look]) -> Floats:
    """The predicted label's logit less the next one, `[texts]`."""
    return np.array([float(margins_of(look.logits, int(look.logits.argmax()))) for look in looks])


def fisher_sum(ranks: Floats) -> Floats:
    """Fisher's statistic of p-values `[channels, texts]`: `[texts]`; higher = more suspicious."""
    return np.asarray(-2 * np.log(ranks).sum(axis=0))


class _Clean(NamedTuple):
    """The features of clean texts, each ascending."""

    attentions: Floats
    distances: Floats
    margins: Sequence[Floats]
    """By predicted label."""

    def p_values(self, attention: Floats, distance: Floats, margin: Floats, predicted: np.ndarray) -> Floats:
        """Of texts with these features among the clean ones, `[channels, texts]`."""
        of_margin = np.ones(len(margin))
        for label in np.unique(predicted):
            rows = predicted == label
            of_margin[rows] = p_values(self.margins[label], margin[rows])
        return np.stack([p_values(self.attentions, attention), p_values(self.distances, distance), of_margin])


def _or_all(values: Floats, wanted: np.ndarray) -> Floats:
    """The wanted values, or all where these are fewer than `MIN_OF_LABEL`."""
    return values[wanted] if wanted.sum() >= MIN_OF_LABEL else values
