"""What the handler tells Prometheus, through its server: counts, shares and seconds, never a text, a word or a label.

Every label value is one of our own constants, or a domain of the calibration, whose name is checked; a model's name is
cleaned. What metrics.yaml does not declare is not written: a server that was started with another file serves all the
same.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Protocol

from handler.answers.policy import Judged, ServedAction, Unjudged
from handler.hooks.exchange import Exchange
from handler.refusal import Refusal
from handler.xgraad import Verdict
from handler.xgraad.drift.reservoir import DriftWindow
from handler.xgraad.labels_defense import AnyDefense
from handler.xgraad.multilabel.labels_calibration import LabelsCalibration
from handler.xgraad.multilabel.labels_verdict import LabelsVerdict

LEVEL = "Model"
MAX_RATIO = 100.0
"""Of a score to its threshold. A histogram's last bucket ends at 10, and not every server's parser knows 1e+16."""
_UNSAFE = re.compile(r"[^\w.\-]", re.ASCII)

Count = tuple[str, ...]
"""A counter's name, then its own labels' values in the order of metrics.yaml."""


BEGIN: tuple[Count, ...] = (
    *(("xgraad_requests_total", outcome) for outcome in ("answered", "refused", "failed")),
    *(("xgraad_texts_total", action) for action in map(str, ServedAction)),
    ("xgraad_judged_texts_total",),
    ("xgraad_flagged_texts_total",),
    ("xgraad_verified_texts_total",),
    ("xgraad_untested_texts_total",),
    ("xgraad_label_changes_total",),
    ("xgraad_truncated_texts_total",),
    ("xgraad_registry_failures_total",),
)
"""Counters whose labels are all known from the start."""


class Metric(Protocol):
    """One of the server's."""

    def add_or_update(self, value: float, dimension_values: list[str], /) -> None:
        """Add to a counter, set a gauge, or observe a value."""
        ...


class Metrics:
    """Writes down what happened, for one model in one worker.

    Args:
        declared: the server's metrics by name.
        model: the name under which the model is served.
    """

    def __init__(self, declared: Mapping[str, Metric], model: str) -> None:
        self._declared = declared
        self._common = [_UNSAFE.sub("_", model), LEVEL]
        self._is_shared = False

    def loaded(self, defense: AnyDefense) -> None:
        """A model is ready to be served. Counters begin at zero: from nothing to one is no rise to Prometheus."""
        for name, *labels in BEGIN:
            self._write(name, 0, *labels)
        self._write("xgraad_loads_total", 1)
        self._write("xgraad_calibrated_flag_rate", calibrated_flag_rate(defense))
        self._write("xgraad_remembered_triggers", len(defense.registry))
        self._is_shared = defense.registry.is_shared
        for domain in defense.reservoir.statistics.names if defense.reservoir else ():
            self._write("xgraad_drift_windows_total", 0, domain)
            self._write("xgraad_drift_alarms_total", 0, domain)

    def drifted(self, windows: Iterable[DriftWindow]) -> None:
        """Windows of texts were held against those of the calibration."""
        for window in windows:
            self._write("xgraad_drift_windows_total", 1, window.domain)
            self._write("xgraad_drift_alarms_total", int(window.alarms), window.domain)
            self._write("xgraad_drift_ratio", min(window.ratio, MAX_RATIO), window.domain)

    def load_failed(self, error: Exception) -> None:
        """A model is refused."""
        self._write("xgraad_load_failures_total", 1, type(error).__name__)

    def answered(self, exchanges: Sequence[Exchange], seconds: Mapping[str, float], defense: AnyDefense) -> None:
        """A batch has its replies, each stage of which took so many seconds."""
        for (name, *labels), value in count(exchanges).items():
            self._write(name, value, *labels)
        verdicts = [verdict for exchange in exchanges for verdict in _verdicts(exchange.judged)]
        for verdict in chain.from_iterable(map(decisions_of, verdicts)):
            self._write("xgraad_p_value", verdict.p_value)
            ratio = score_ratio(verdict)
            if ratio is not None:
                self._write("xgraad_score_ratio", ratio)
        for stage, duration in seconds.items():
            self._write("xgraad_stage_seconds", duration, stage)
        if any(verdict.verified for verdict in verdicts):
            self._write("xgraad_remembered_triggers", len(defense.registry))
        if self._is_shared and not defense.registry.is_shared:
            self._write("xgraad_registry_failures_total", 1)
            self._is_shared = False

    def _write(self, name: str, value: float, *labels: str) -> None:
        metric = self._declared.get(name)
        if metric is not None:
            metric.add_or_update(round(float(value), 6), [*labels, *self._common])


def count(exchanges: Iterable[Exchange]) -> Counter[Count]:
    """What a batch adds to each counter."""
    counts: Counter[Count] = Counter()
    for exchange in exchanges:
        status, error = exchange.reply.status, exchange.reply.error
        counts["xgraad_requests_total", _outcome(status)] += 1
        if error:
            counts["xgraad_errors_total", str(status), error.kind] += 1
        for answer in exchange.answers:
            if not isinstance(answer, Refusal):
                counts["xgraad_texts_total", str(answer.action)] += 1
            elif not error:
                counts["xgraad_text_errors_total", str(answer.status), answer.kind] += 1
        counts.update(_judged(exchange.judged))
    return +counts  # without what was counted zero times


def _judged(judged: Sequence[Judged]) -> dict[Count, int]:
    verdicts = _verdicts(judged)
    return {
        ("xgraad_judged_texts_total",): len(verdicts),
        ("xgraad_flagged_texts_total",): sum(verdict.flagged for verdict in verdicts),
        ("xgraad_verified_texts_total",): sum(verdict.verified for verdict in verdicts),
        ("xgraad_untested_texts_total",): sum(verdict.tested is False for verdict in verdicts),
        ("xgraad_label_changes_total",): sum(verdict.label_changed for verdict in verdicts),
        ("xgraad_truncated_texts_total",): sum(each.truncated for each in judged),
    }


def _verdicts(judged: Sequence[Judged]) -> list[Verdict | LabelsVerdict]:
    return [each for each in judged if not isinstance(each, Unjudged)]


def decisions_of(verdict: Verdict | LabelsVerdict) -> Sequence[Verdict]:
    """What was decided about each label of a text that may have several; the verdict itself about any other."""
    return verdict.decisions if isinstance(verdict, LabelsVerdict) else (verdict,)


def calibrated_flag_rate(defense: AnyDefense) -> float:
    """Share of clean texts that the served rule flags, as calibration promises it.

    Of several labels it is a bound: each is flagged in this share of the texts, and the texts may be others.
    """
    calibration = defense.calibration
    paper, n_decisions = (
        (calibration.labels[0].paper, len(calibration.labels))
        if isinstance(calibration, LabelsCalibration)
        else (calibration.paper, 1)
    )
    of_one = 1 - paper.percentile / 100 if defense.rule == "paper" else calibration.max_fpr
    return min(1.0, of_one * n_decisions)


def score_ratio(verdict: Verdict) -> float | None:
    """What the rule measures over its threshold, from 0 to `MAX_RATIO`; None where there is nothing to divide."""
    score = verdict.anomaly_score if verdict.gate_score is None else verdict.gate_score
    if score is None or verdict.threshold <= 0:
        return None
    return min(max(score / verdict.threshold, 0.0), MAX_RATIO)


def _outcome(status: int) -> str:
    return "answered" if status < 400 else "refused" if status < 500 else "failed"
