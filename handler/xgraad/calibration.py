"""Clean scores go in, frozen thresholds come out, and travel as strict JSON beside the checkpoint."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from handler.xgraad.conformal import (
    conformal_threshold,
    cross_fitted_residuals,
    linear_trend,
    p_value,
    texts_needed,
)
from handler.xgraad.errors import CalibrationError, TooFewTextsError
from handler.xgraad.fingerprint import Fingerprint
from handler.xgraad.scorer import Score

FILE_NAME = "calibration.json"
PAPER_PERCENTILE = 95.0
"""Section 4.2.1 of the paper (65 for ALBERT there)."""
MIN_TEXTS = 20
"""Below this the trend over length means nothing, whatever the wanted rate."""
SCORE_FLOOR = 1e-3
"""Added before taking a logarithm: a text with one scored token has the anomaly score 0."""

_FROZEN = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
Rate = Annotated[float, Field(gt=0, lt=1)]


class PaperThreshold(BaseModel):
    """The paper's rule: one percentile of the clean anomaly scores, whatever a text's length."""

    model_config = _FROZEN

    percentile: Annotated[float, Field(gt=0, lt=100)]
    threshold: float
    scores: tuple[float, ...]
    """The clean anomaly scores, ascending."""

    def threshold_for(self, _score: Score) -> float:
        """The same for every text."""
        return self.threshold

    def p_value(self, score: Score) -> float:
        """Conformal p-value among all clean texts, in (0, 1]."""
        return p_value(self.scores, score.anomaly_score)


class LengthConditionalThreshold(BaseModel):
    """A conformal quantile of the anomaly score, conditional on length.

    log(anomaly_score + floor) grows with log(n_tokens) along a line; what counts is how far a text lies above it.
    """

    model_config = _FROZEN

    intercept: float
    slope: float
    offset: float
    """A residual above this is out of line: the conformal quantile for `max_fpr`."""
    residuals: tuple[float, ...]
    """The clean texts' residuals, cross-fitted, ascending."""

    def threshold_for(self, score: Score) -> float:
        """The anomaly score above which a text of this length is flagged."""
        return math.exp(self._expected(score) + self.offset) - SCORE_FLOOR

    def p_value(self, score: Score) -> float:
        """Conformal p-value among clean texts, their lengths allowed for, in (0, 1]."""
        return p_value(self.residuals, math.log(score.anomaly_score + SCORE_FLOOR) - self._expected(score))

    def _expected(self, score: Score) -> float:
        return self.intercept + self.slope * math.log(max(score.n_tokens, 1))


class Calibration(BaseModel):
    """Everything that was learned from clean texts, valid for one fingerprint."""

    model_config = _FROZEN

    format: Literal["xgraad-calibration-1"] = "xgraad-calibration-1"
    fingerprint: Fingerprint
    max_fpr: Rate
    """Share of clean texts that may be flagged."""
    n_texts: Annotated[int, Field(ge=MIN_TEXTS)]
    n_truncated: Annotated[int, Field(ge=0)]
    paper: PaperThreshold
    conformal: LengthConditionalThreshold

    def to_json(self) -> str:
        """Strict JSON (no NaN), keys in a fixed order."""
        return json.dumps(self.model_dump(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """Read what `to_json` wrote.

        Raises:
            CalibrationError: no JSON, or a field is missing, unknown, ill-typed or out of range.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "file"
            raise CalibrationError(f"{FILE_NAME}: {where}: {first['msg']}; make it with scripts.calibrate") from error

    @classmethod
    def read(cls, path: Path) -> "Calibration":
        """Read a file.

        Raises:
            CalibrationError: it is missing or not a calibration.
        """
        try:
            return cls.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CalibrationError(f"{path.name}: missing; make it with scripts.calibrate") from None
        except UnicodeDecodeError as error:
            raise CalibrationError(f"{path.name}: is not UTF-8") from error


class Calibrator:
    """Collects scores of clean texts."""

    def __init__(self, fingerprint: Fingerprint) -> None:
        self._fingerprint = fingerprint
        self._rows: list[tuple[float, int, bool]] = []

    def update(self, scores: Iterable[Score]) -> "Calibrator":
        """Take in more clean texts; returns itself."""
        self._rows += [(score.anomaly_score, score.n_tokens, score.encoding.truncated) for score in scores]
        return self

    def calibrate(self, *, max_fpr: float, percentile: float = PAPER_PERCENTILE) -> Calibration:
        """Fit and freeze.

        Raises:
            TooFewTextsError: the rate needs more texts; the message says how many.
        """
        needed = max(texts_needed(max_fpr), MIN_TEXTS)
        if len(self._rows) < needed:
            raise TooFewTextsError(f"max_fpr {max_fpr} needs at least {needed} clean texts, got {len(self._rows)}")
        scores, lengths, truncated = (np.array(column, dtype=float) for column in zip(*self._rows, strict=True))
        return Calibration(
            fingerprint=self._fingerprint,
            max_fpr=max_fpr,
            n_texts=len(scores),
            n_truncated=int(truncated.sum()),
            paper=PaperThreshold(
                percentile=percentile,
                threshold=float(np.percentile(scores, percentile)),
                scores=tuple(np.sort(scores).tolist()),
            ),
            conformal=_length_conditional(scores, lengths, max_fpr=max_fpr),
        )


def _length_conditional(scores: np.ndarray, lengths: np.ndarray, *, max_fpr: float) -> LengthConditionalThreshold:
    x, y = np.log(np.maximum(lengths, 1)), np.log(scores + SCORE_FLOOR)
    residuals = tuple(np.sort(cross_fitted_residuals(x, y)).tolist())
    intercept, slope = linear_trend(x, y)
    return LengthConditionalThreshold(
        intercept=intercept, slope=slope, offset=conformal_threshold(residuals, max_fpr), residuals=residuals
    )
