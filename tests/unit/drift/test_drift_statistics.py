"""Thresholds alarm at the stated rate on texts like the clean ones, and always on others."""

import json
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from handler.xgraad.drift import drift_statistics
from handler.xgraad.drift.drift_statistics import (
    WINDOW,
    DriftStatistics,
    by_chance,
    named_domains,
    one_domain,
)
from handler.xgraad.drift.sliced_wasserstein import sliced_distance
from tests.unit.drift.clouds import cloud


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift_statistics, "N_BOOTSTRAP", 200)


def fitted(n: int = 300, *, seed: int = 0) -> DriftStatistics:
    states = cloud(n, seed=seed)
    return DriftStatistics.fit(states, one_domain(states))


def test_false_alarms_come_at_the_stated_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over calibrations, each with windows that are not in it: one in ten, so that few are enough to see it."""
    monkeypatch.setattr(drift_statistics, "FALSE_ALARM_RATE", 0.1)
    alarms = []
    for seed in range(20):
        drift = fitted(seed=seed)
        (domain,) = drift.domains
        for window in range(10):
            projections = cloud(WINDOW, seed=1_000 + 10 * seed + window) @ drift.directions.array()
            alarms.append(sliced_distance(projections, domain.quantiles.array()) > domain.threshold)
    assert 0.04 < np.mean(alarms) < 0.2


def test_windows_against_a_fixed_sample_would_alarm_too_often() -> None:
    """Sanity arm: what the bootstrap of both samples is for."""
    drift = fitted(WINDOW)
    projections = cloud(WINDOW) @ drift.directions.array()
    (domain,), rng = drift.domains, np.random.default_rng(0)
    fixed = [
        sliced_distance(projections[rng.integers(0, WINDOW, WINDOW)], domain.quantiles.array()) for _ in range(200)
    ]
    assert np.quantile(fixed, 0.99) < 0.9 * np.quantile(by_chance(projections, seed=0), 0.99)


def test_other_texts_alarm() -> None:
    drift = fitted()
    (domain,) = drift.domains
    moved = cloud(WINDOW, at=0.5, seed=9) @ drift.directions.array()
    wider = 1.5 * cloud(WINDOW, seed=9) @ drift.directions.array()
    for projections in (moved, wider):
        assert sliced_distance(projections, domain.quantiles.array()) > domain.threshold


def test_projections_of_clean_texts_have_deviation_one() -> None:
    states = cloud(400) * 7
    drift = DriftStatistics.fit(states, one_domain(states))
    assert (states @ drift.directions.array()).std(axis=0) == pytest.approx(1, rel=1e-5)


def test_the_same_texts_give_the_same_bytes_and_come_back() -> None:
    drift = fitted()
    assert fitted().model_dump_json() == drift.model_dump_json()
    assert DriftStatistics.model_validate_json(drift.model_dump_json()) == drift
    assert drift.window == WINDOW
    assert drift.names == ("all",)


def test_texts_are_of_the_domain_that_they_are_nearest_to() -> None:
    states = np.concatenate([cloud(250), cloud(260, at=4.0)])
    drift = DriftStatistics.fit(states, named_domains(states, ["a"] * 250 + ["b"] * 260))
    assert drift.names == ("a", "b")
    assert [domain.n_texts for domain in drift.domains] == [250, 260]
    live = np.concatenate([cloud(5, seed=3), cloud(5, at=4.0, seed=4)])
    told = drift.told_apart().nearest(live @ drift.directions.array())
    assert told.tolist() == [0] * 5 + [1] * 5


def content() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(fitted().model_dump_json())
    return made


SMALL = {"shape": [2, 1], "float32": "AAAAAAAAAAA="}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda made: made.update(false_alarm_rate=0.0), "greater than 0"),
        (lambda made: made.update(domains=[]), "at least 1 item"),
        (lambda made: made.update(domains=made["domains"] * 2), "names of their own"),
        (lambda made: made.update(directions=SMALL), r"center must be of shape \[1 to 2000, 1\], is \[50, 64\]"),
        (lambda made: made.update(directions={"shape": [2], "float32": "AAAAAAAAAAA="}), "directions must be a table"),
        (lambda made: made["domains"][0].update(quantiles=SMALL), r"quantiles must be of shape"),
        (lambda made: made["domains"][0].update(threshold=0.0), "greater than 0"),
        (lambda made: made["domains"][0].update(n_texts=WINDOW - 1), "greater than or equal to 200"),
        (lambda made: made["domains"][0].update(name="a text, of a user"), "match pattern"),
    ],
)
def test_what_is_none_is_refused(change: Any, rule: str) -> None:
    made = content()
    DriftStatistics.model_validate_json(json.dumps(made))
    change(made)
    with pytest.raises(ValidationError, match=rule):
        DriftStatistics.model_validate_json(json.dumps(made))


def test_quantiles_out_of_order_are_refused() -> None:
    from handler.xgraad.scoring.array_json import ArrayJson

    made = content()
    table = fitted().domains[0].quantiles.array()[::-1]
    made["domains"][0]["quantiles"] = json.loads(ArrayJson.of(table).model_dump_json())
    with pytest.raises(ValidationError, match="quantiles must be in ascending order"):
        DriftStatistics.model_validate_json(json.dumps(made))
