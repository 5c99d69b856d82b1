"""What half precision changes: labels, anomaly scores, the thresholds that come of them, and time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from handler.xgraad.model.classifier import Classifier
from handler.xgraad.options import PAPER_PERCENTILE
from handler.xgraad.scoring.scorer import Score, score_encodings
from handler.xgraad.scoring.thresholds import PaperThreshold
from scripts.lab.evaluation.metrics import auroc


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The same texts in one precision."""

    precision: str
    clean: Sequence[Score]
    attacked: Sequence[Score]
    ms_per_text: float
    """Of scoring the clean ones: processor time on a CPU, wall-clock time on a GPU."""


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One precision beside float32; shares are of the clean texts."""

    precision: str
    labels_changed: float
    """Share that gets another label."""
    top_word_changed: float
    """Share in which another word stands out most."""
    score_change_median: float
    """Of |score - float32's| / float32's."""
    score_change_95: float
    """Its 95th percentile."""
    threshold: float
    """Of the rule `paper`, fitted in this precision."""
    flags_changed: float
    """Share that the rule `paper` flags in one and not in the other, each by its own threshold."""
    auroc: float
    """Of the anomaly score, clean against attacked."""
    ms_per_text: float


def score_in(classifier: Classifier, precision: str, clean: Sequence[str], attacked: Sequence[str]) -> Scored:
    """Score clean and attacked texts with a classifier that was loaded in `precision`."""
    encodings = classifier.encode(clean)
    clock = time.process_time if classifier.device.type == "cpu" else time.perf_counter
    start = clock()
    scores = score_encodings(classifier, encodings)
    seconds = clock() - start
    return Scored(
        precision=precision,
        clean=scores,
        attacked=score_encodings(classifier, classifier.encode(attacked)),
        ms_per_text=1000 * seconds / len(clean),
    )


def effect_of(scored: Scored, reference: Scored) -> Effect:
    """What `scored` differs in from `reference`, the same texts in float32."""
    mine, theirs = (np.array([score.anomaly_score for score in each.clean]) for each in (scored, reference))
    own, other = (PaperThreshold.fit(each.clean, percentile=PAPER_PERCENTILE).threshold for each in (scored, reference))
    change = np.abs(mine - theirs) / np.maximum(np.abs(theirs), np.finfo(float).tiny)
    pairs = list(zip(scored.clean, reference.clean, strict=True))
    return Effect(
        precision=scored.precision,
        labels_changed=float(np.mean([a.prediction.label_id != b.prediction.label_id for a, b in pairs])),
        top_word_changed=float(np.mean([_top(a) != _top(b) for a, b in pairs])),
        score_change_median=float(np.median(change)),
        score_change_95=float(np.percentile(change, 95)),
        threshold=own,
        flags_changed=float(np.mean((mine > own) != (theirs > other))),
        auroc=auroc(mine, [score.anomaly_score for score in scored.attacked]),
        ms_per_text=scored.ms_per_text,
    )


def _top(score: Score) -> int | None:
    return score.top_word.word.start if score.top_word else None
