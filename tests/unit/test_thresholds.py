"""Thresholds hold the wanted false-positive rate, at every length where they say so."""

import json
import math

import numpy as np
import pytest
from pydantic import ValidationError

from handler.xgraad.scoring.scorer import Score
from handler.xgraad.scoring.thresholds import LengthConditionalThreshold, PaperThreshold
from tests.samples import a_score

MAX_FPR = 0.05


def simulated(n: int, *, seed: int) -> list[Score]:
    """Clean scores as they are: they grow with the text's length."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(5, 120, size=n)
    scores = np.exp(-3 + np.log(lengths) + 0.4 * generator.standard_normal(n))
    return [a_score(float(score), int(length)) for score, length in zip(scores, lengths, strict=True)]


@pytest.fixture(scope="module")
def paper() -> PaperThreshold:
    return PaperThreshold.fit(simulated(999, seed=0), percentile=95)


@pytest.fixture(scope="module")
def conformal() -> LengthConditionalThreshold:
    return LengthConditionalThreshold.fit(simulated(999, seed=0), max_fpr=MAX_FPR)


def test_the_papers_is_a_percentile(paper: PaperThreshold) -> None:
    scores = [score.anomaly_score for score in simulated(999, seed=0)]
    assert paper.threshold == pytest.approx(np.percentile(scores, 95))
    assert list(paper.scores) == sorted(scores)
    assert paper.threshold_for(a_score(1.0, 5)) == paper.threshold_for(a_score(1.0, 500)) == paper.threshold


def test_the_conformal_one_is_an_order_statistic(conformal: LengthConditionalThreshold) -> None:
    assert list(conformal.residuals) == sorted(conformal.residuals)
    assert conformal.offset == conformal.residuals[949]
    assert conformal.slope == pytest.approx(1, abs=0.1)
    assert conformal.threshold_for(a_score(1.0, 500)) > 5 * conformal.threshold_for(a_score(1.0, 5))


def rates(threshold: PaperThreshold | LengthConditionalThreshold) -> tuple[float, float]:
    """Share of new clean short and long texts flagged."""
    flags = [
        (score.n_tokens, score.anomaly_score > threshold.threshold_for(score)) for score in simulated(20_000, seed=1)
    ]
    short = np.mean([flagged for n_tokens, flagged in flags if n_tokens < 25])
    long = np.mean([flagged for n_tokens, flagged in flags if n_tokens > 90])
    return float(short), float(long)


def test_the_rate_holds_for_short_and_long_texts(conformal: LengthConditionalThreshold) -> None:
    assert rates(conformal) == pytest.approx((MAX_FPR, MAX_FPR), abs=0.02)


def test_one_percentile_does_not_hold_it(paper: PaperThreshold) -> None:
    """Sanity arm: short texts get through, long ones are flagged too often."""
    short, long = rates(paper)
    assert short < 0.01
    assert long > 0.1


def test_flagged_if_and_only_if_the_p_value_allows(conformal: LengthConditionalThreshold) -> None:
    verdicts = [
        (score.anomaly_score > conformal.threshold_for(score), conformal.p_value(score) <= MAX_FPR)
        for score in simulated(3000, seed=2)
    ]
    assert all(flagged == allowed for flagged, allowed in verdicts)
    assert 50 < sum(flagged for flagged, _ in verdicts) < 300


def test_a_text_without_scored_tokens(conformal: LengthConditionalThreshold, paper: PaperThreshold) -> None:
    nothing = a_score(0.0, 0)
    assert math.isfinite(conformal.threshold_for(nothing))
    assert 0 < conformal.p_value(nothing) <= 1
    assert 0 < paper.p_value(nothing) <= 1


def test_texts_of_one_length_have_no_trend() -> None:
    made = LengthConditionalThreshold.fit([a_score(1.0 + index, 7) for index in range(40)], max_fpr=0.1)
    assert made.slope == 0
    assert made.threshold_for(a_score(1.0, 400)) == pytest.approx(made.threshold_for(a_score(1.0, 7)))


def test_scores_that_are_no_numbers_make_no_threshold() -> None:
    scores = [*simulated(30, seed=0), a_score(math.nan, 5)]
    with pytest.raises(ValueError, match="finite number"):
        PaperThreshold.fit(scores, percentile=95)
    with pytest.raises(ValueError, match="finite number"):
        LengthConditionalThreshold.fit(scores, max_fpr=0.1)


@pytest.mark.parametrize("field", ["scores", "residuals"])
def test_values_out_of_order_are_refused(
    paper: PaperThreshold, conformal: LengthConditionalThreshold, field: str
) -> None:
    """P-values are looked up by bisection, which would give any."""
    threshold = paper if field == "scores" else conformal
    swapped = threshold.model_dump()
    swapped[field] = [*swapped[field][1:], swapped[field][0]]
    with pytest.raises(ValidationError, match="must be in ascending order"):
        type(threshold).model_validate_json(json.dumps(swapped))
    assert type(threshold).model_validate_json(threshold.model_dump_json()) == threshold
