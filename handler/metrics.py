"""What the handler tells Prometheus, through TorchServe: counts, shares and seconds, never a text, a word or a label.

TorchServe writes each value as a line on the worker's standard output, which the server parses. Every label value is
one of our own constants; a model's name is cleaned. What metrics.yaml does not declare is not written: a server that
was started with another file serves all the same.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from handler.policy import Answer, Outcome
from handler.refusal import Refusal
from handler.reply import Reply
from handler.xgraad import Defense, Verdict

LEVEL = "Model"
BLOCKED = "blocked"
MAX_RATIO = 100.0
"""Of a score to its threshold. TorchServe's last bucket ends at 10, and its parser knows no 1e+16."""
_UNSAFE = re.compile(r"[^\w.\-]", re.ASCII)

Count = tuple[str, ...]
"""A counter's name, then its own labels' values in the order of metrics.yaml."""


BEGIN: tuple[Count, ...] = (
    *(("xgraad_requests_total", outcome) for outcome in ("answered", "refused", "failed")),
    *(("xgraad_texts_total", action) for action in (*map(str, Outcome), BLOCKED)),
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
    """One of TorchServe's."""

    def add_or_update(self, value: float, dimension_values: list[str], /) -> None:
        """Add to a counter, set a gauge, or observe a value."""
        ...


class Metrics:
    """Writes down what happened, for one model in one worker.

    Args:
        declared: TorchServe's metrics by name.
        model: the name under which the model is served.
    """

    def __init__(self, declared: Mapping[str, Metric], model: str) -> None:
        self._declared = declared
        self._common = [_UNSAFE.sub("_", model), LEVEL]
        self._is_shared = False

    @classmethod
    def of(cls, context: Any) -> "Metrics":
        """For what a worker was given; nothing is declared where it was given no metrics."""
        kinds = getattr(context.metrics, "cache", {}).values()
        declared = {name: metric for kind in kinds for name, metric in kind.items()}
        return cls(declared, str(context.model_name))

    def loaded(self, defense: Defense) -> None:
        """A model is ready to be served. Counters begin at zero: from nothing to one is no rise to Prometheus."""
        for name, *labels in BEGIN:
            self._write(name, 0, *labels)
        self._write("xgraad_loads_total", 1)
        self._write("xgraad_calibrated_flag_rate", calibrated_flag_rate(defense))
        self._write("xgraad_remembered_triggers", len(defense.registry))
        self._is_shared = defense.registry.is_shared

    def load_failed(self, error: Exception) -> None:
        """A model is refused."""
        self._write("xgraad_load_failures_total", 1, type(error).__name__)

    def answered(self, replies: Sequence[Reply], seconds: Mapping[str, float], defense: Defense) -> None:
        """A batch has its replies, each stage of which took so many seconds."""
        for (name, *labels), value in count(replies).items():
            self._write(name, value, *labels)
        verdicts = [verdict for reply in replies for verdict in reply.verdicts]
        for verdict in verdicts:
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


def count(replies: Iterable[Reply]) -> Counter[Count]:
    """What a batch adds to each counter."""
    counts: Counter[Count] = Counter()
    for reply in replies:
        counts["xgraad_requests_total", _outcome(reply.status)] += 1
        if reply.status >= 400 and isinstance(reply.answers[0], Refusal):
            counts["xgraad_errors_total", str(reply.status), reply.answers[0].kind] += 1
        if reply.status < 400:
            counts.update(map(_text_error, filter(_is_faulty, reply.answers)))
        for action in map(_action, reply.answers):
            if action:
                counts["xgraad_texts_total", action] += 1
        counts.update(_judged(reply.verdicts))
        counts[("xgraad_truncated_texts_total",)] += sum(map(_truncated_undefended, reply.answers))
    return +counts  # without what was counted zero times


def _judged(verdicts: Sequence[Verdict]) -> dict[Count, int]:
    return {
        ("xgraad_judged_texts_total",): len(verdicts),
        ("xgraad_flagged_texts_total",): sum(verdict.flagged for verdict in verdicts),
        ("xgraad_verified_texts_total",): sum(verdict.verified for verdict in verdicts),
        ("xgraad_untested_texts_total",): sum(verdict.tested is False for verdict in verdicts),
        ("xgraad_label_changes_total",): sum(verdict.label_changed for verdict in verdicts),
        ("xgraad_truncated_texts_total",): sum(verdict.truncated for verdict in verdicts),
    }


def calibrated_flag_rate(defense: Defense) -> float:
    """Share of clean texts that the served rule flags, as calibration promises it."""
    calibration = defense.calibration
    return 1 - calibration.paper.percentile / 100 if defense.rule == "paper" else calibration.max_fpr


def score_ratio(verdict: Verdict) -> float | None:
    """What the rule measures over its threshold, from 0 to `MAX_RATIO`; None where there is nothing to divide."""
    score = verdict.anomaly_score if verdict.gate_score is None else verdict.gate_score
    if score is None or verdict.threshold <= 0:
        return None
    return min(max(score / verdict.threshold, 0.0), MAX_RATIO)


def _outcome(status: int) -> str:
    return "answered" if status < 400 else "refused" if status < 500 else "failed"


def _action(answer: Answer | Refusal) -> str | None:
    """None for a refusal that is about a whole request, not about a text."""
    if isinstance(answer, Answer):
        return str(answer.outcome)
    return BLOCKED if answer.kind == "trigger_blocked" else None


def _is_faulty(answer: Answer | Refusal) -> bool:
    """Whether it refuses a text that could not be judged; blocked ones were, and are counted as such."""
    return isinstance(answer, Refusal) and _action(answer) is None


def _text_error(answer: Answer | Refusal) -> Count:
    return ("xgraad_text_errors_total", str(answer.status), answer.kind) if isinstance(answer, Refusal) else ()


def _truncated_undefended(answer: Answer | Refusal) -> bool:
    return isinstance(answer, Answer) and answer.outcome is Outcome.UNDEFENDED and answer.truncated
