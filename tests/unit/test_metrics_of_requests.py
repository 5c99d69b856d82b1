"""What a batch adds to the counters."""

from dataclasses import replace
from typing import Any

import pytest

from handler.answers.policy import Unjudged
from handler.hooks.exchange import Exchange
from handler.observation.metrics import Metrics, calibrated_flag_rate, count, score_ratio
from handler.refusal import Refusal
from handler.settings import OnTrigger
from handler.wire.request import Request, Shape
from handler.xgraad import Verdict
from tests.samples import PREDICTION, a_verdict, an_exchange, finished

ACTED, CALM = a_verdict(acted=True), a_verdict()
FLAGGED = replace(a_verdict(flagged=True), truncated=True)


def answered(*verdicts: Verdict, on_trigger: OnTrigger = "neutralize") -> Exchange:
    request = Request(texts=("a cf film",) * len(verdicts), shape=Shape.MANY, explain=False)
    return finished(an_exchange(request, *verdicts), on_trigger=on_trigger)


def refused(status: int, kind: str) -> Exchange:
    refusal = Refusal(status=status, kind=kind, message="")
    return finished(Exchange(row={}, headers={}, types={}, id="id", refusal=refusal))


def test_what_was_judged() -> None:
    assert count([answered(CALM, ACTED), answered(FLAGGED)]) == {
        ("xgraad_requests_total", "answered"): 2,
        ("xgraad_texts_total", "passed"): 2,
        ("xgraad_texts_total", "neutralized"): 1,
        ("xgraad_judged_texts_total",): 3,
        ("xgraad_flagged_texts_total",): 2,
        ("xgraad_verified_texts_total",): 1,
        ("xgraad_label_changes_total",): 1,
        ("xgraad_truncated_texts_total",): 1,
    }


def test_a_blocked_text_is_judged_flagged_and_verified_all_the_same() -> None:
    found = count([answered(ACTED, on_trigger="block"), answered(ACTED, CALM, on_trigger="block")])
    assert found["xgraad_requests_total", "refused"] == 1
    assert found["xgraad_requests_total", "answered"] == 1
    assert found["xgraad_errors_total", "422", "trigger_blocked"] == 1
    assert found["xgraad_texts_total", "blocked"] == found[("xgraad_verified_texts_total",)] == 2
    assert found[("xgraad_judged_texts_total",)] == 3


def test_what_was_not_judged() -> None:
    request = Request(texts=("a cf film",), shape=Shape.ONE, explain=False)
    plain = finished(an_exchange(request, Unjudged(undefended=PREDICTION, truncated=True)))
    assert count([plain, refused(413, "too_long"), refused(500, "defense_failed")]) == {
        ("xgraad_requests_total", "answered"): 1,
        ("xgraad_requests_total", "refused"): 1,
        ("xgraad_requests_total", "failed"): 1,
        ("xgraad_errors_total", "413", "too_long"): 1,
        ("xgraad_errors_total", "500", "defense_failed"): 1,
        ("xgraad_texts_total", "undefended"): 1,
        ("xgraad_truncated_texts_total",): 1,
    }


def test_a_faulty_text_beside_answered_ones_is_counted_by_its_kind() -> None:
    """Its request is answered, so no error of a request tells of it."""
    faults = {1: Refusal(status=422, kind="empty", message=""), 2: Refusal(status=413, kind="too_long", message="")}
    request = Request(texts=("a cf film",), shape=Shape.MANY, explain=False, faults=faults)
    mixed = finished(an_exchange(request, ACTED))
    found = count([mixed, mixed, answered(CALM)])
    assert found["xgraad_text_errors_total", "422", "empty"] == 2
    assert found["xgraad_text_errors_total", "413", "too_long"] == 2
    assert found["xgraad_requests_total", "answered"] == 3
    assert not [name for name in found if name[0] == "xgraad_errors_total"]


def test_a_blocked_text_and_a_refused_request_are_no_faulty_texts() -> None:
    blocked = answered(ACTED, CALM, on_trigger="block")
    assert not [name for name in count([blocked, refused(422, "empty")]) if name[0] == "xgraad_text_errors_total"]


def test_texts_of_untested_labels_are_counted() -> None:
    untested, other_rule = replace(CALM, tested=False), a_verdict(rule="conformal")
    found = count([answered(untested, CALM, ACTED), answered(other_rule), answered(replace(ACTED, tested=False))])
    assert found[("xgraad_untested_texts_total",)] == 2
    assert count([answered(CALM, ACTED, other_rule)])[("xgraad_untested_texts_total",)] == 0


def test_the_ratio_is_above_one_where_the_measure_is_above_its_threshold() -> None:
    assert score_ratio(replace(CALM, gate_score=3.0, threshold=1.5)) == 2.0
    assert score_ratio(replace(CALM, gate_score=None, anomaly_score=0.75, threshold=1.5)) == 0.5
    assert score_ratio(replace(CALM, gate_score=None, anomaly_score=None)) is None
    assert score_ratio(replace(CALM, threshold=0.0)) is None
    assert score_ratio(replace(CALM, gate_score=1e20)) == 100.0


def test_the_promised_rate_is_that_of_the_rule(load_bert: Any) -> None:
    assert calibrated_flag_rate(load_bert(rule="verified")) == 0.1
    assert calibrated_flag_rate(load_bert(rule="paper")) == pytest.approx(0.05)


def test_what_is_not_declared_is_not_written_and_a_name_is_cleaned() -> None:
    written: list[Any] = []

    class Kept:
        def add_or_update(self, value: float, labels: list[str], /) -> None:
            written.append((value, labels))

    metrics = Metrics({"xgraad_load_failures_total": Kept()}, "a|b:c,d\n")
    metrics.load_failed(ValueError("text"))
    metrics.answered([answered(CALM)], {"judge": 0.1}, None)  # type: ignore[arg-type]
    assert written == [(1.0, ["ValueError", "a_b_c_d_", "Model"])]


def test_a_lost_file_of_triggers_is_counted_once(load_bert: Any) -> None:
    written: list[float] = []

    class Kept:
        def add_or_update(self, value: float, _labels: list[str], /) -> None:
            written.append(value)

    class Registry(list[object]):
        is_shared = True

    defense = load_bert()
    defense.registry = Registry()
    metrics = Metrics({"xgraad_registry_failures_total": Kept()}, "toy")
    metrics.loaded(defense)
    metrics.answered([answered(CALM)], {}, defense)
    assert written == [0.0]
    defense.registry.is_shared = False
    for _ in range(3):
        metrics.answered([answered(CALM)], {}, defense)
    assert written == [0.0, 1.0]


def test_a_memory_that_was_never_shared_is_no_loss(load_bert: Any) -> None:
    written: list[float] = []

    class Kept:
        def add_or_update(self, value: float, _labels: list[str], /) -> None:
            written.append(value)

    metrics = Metrics({"xgraad_registry_failures_total": Kept()}, "toy")
    metrics.loaded(defense := load_bert())
    metrics.answered([answered(CALM)], {}, defense)
    assert written == [0.0]
