"""Thresholds of the anomaly score, fitted on clean texts: the paper's, and one that allows for length."""

import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from handler.xgraad.frozen import Frozen
from handler.xgraad.scoring.conformal import (
    Ascending,
    conformal_threshold,
    cross_fitted_residuals,
    linear_trend,
    p_value,
)
from handler.xgraad.scoring.scorer import Score

SCORE_FLOOR = 1e-3
"""Added before taking a logarithm: a text with one scored token has the anomaly score 0."""


class PaperThreshold(Frozen):
    """The paper's rule: one percentile of the clean anomaly scores, whatever a text's length."""

    percentile: Annotated[float, Field(gt=0, lt=100)]
    threshold: float
    scores: Ascending
    """The clean anomaly scores, ascending."""

    @classmethod
    def fit(cls, scores: Sequence[Score], *, percentile: float) -> "PaperThreshold":
        """From the scores of clean texts."""
        values = np.sort([score.anomaly_score for score in scores])
        threshold = float(np.percentile(values, percentile))
        return cls(percentile=percentile, threshold=threshold, scores=tuple(values.tolist()))

    def threshold_for(self, _score: Score) -> float:
        """The same for every text."""
        return self.threshold

    def p_value(self, score: Score) -> float:
        """Conformal p-value among all clean texts, in (0, 1]."""
        return p_value(self.scores, score.anomaly_score)


class LengthConditionalThreshold(Frozen):
    """A conformal quantile of the anomaly score, conditional on length.

    log(anomaly_score + floor) grows with log(n_tokens) along a line; what counts is how far a text lies above it.
    """

    intercept: float
    slope: float
    offset: float
    """A residual above this is out of line: the conformal quantile for `max_fpr`."""
    residuals: Ascending
    """The clean texts' residuals, cross-fitted, ascending."""

    @classmethod
    def fit(cls, scores: Sequence[Score], *, max_fpr: float) -> "LengthConditionalThreshold":
        """From the scores of clean texts."""
        x = np.log([max(score.n_tokens, 1) for score in scores])
        y = np.log([score.anomaly_score + SCORE_FLOOR for score in scores])
        residuals = tuple(np.sort(cross_fitted_residuals(x, y)).tolist())
        intercept, slope = linear_trend(x, y)
        offset = conformal_threshold(residuals, max_fpr)
        return cls(intercept=intercept, slope=slope, offset=offset, residuals=residuals)

    def threshold_for(self, score: Score) -> float:
        """The anomaly score above which a text of this length is flagged."""
        return math.exp(self._expected(score) + self.offset) - SCORE_FLOOR

    def p_value(self, score: Score) -> float:
        """Conformal p-value among clean texts, their lengths allowed for, in (0, 1]."""
        return p_value(self.residuals, math.log(score.anomaly_score + SCORE_FLOOR) - self._expected(score))

    def _expected(self, score: Score) -> float:
        return self.intercept + self.slope * math.log(max(score.n_tokens, 1))
