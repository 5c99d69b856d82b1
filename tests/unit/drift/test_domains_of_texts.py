"""A calibration of a real classifier with drift statistics and domains: fitted, stored, served, told of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.describe import describe
from handler.observation.metrics import Metrics
from handler.observation.request_log import log_drift
from handler.settings import Settings
from handler.xgraad import Calibration, Calibrator, Classifier, Defense, fingerprint
from handler.xgraad.drift import drift_statistics
from handler.xgraad.drift.domain_gate import DomainGate
from handler.xgraad.drift.drift_statistics import WINDOW
from handler.xgraad.drift.reservoir import DriftWindow
from handler.xgraad.drift.watched_states import projections
from handler.xgraad.errors import CalibrationError, TooFewTextsError
from handler.xgraad.learned.calibration_check import ModelShape, require_domains
from handler.xgraad.learned.domain_fit import domains_of, fit_domain_gates
from handler.xgraad.scoring.gate import Gate
from tests.conftest import CLEAN_TEXTS
from tests.toys import SENTENCES

SHORT = [f"{text} {number}" for number in range(5) for text in CLEAN_TEXTS]
LONG = [f"{text} and {again} and {again}" for text in CLEAN_TEXTS for again in SENTENCES[:5]]
TEXTS, NAMES = [*SHORT, *LONG], ["short"] * len(SHORT) + ["long"] * len(LONG)
LIVE = [*LONG[:20], *SHORT[:20]]


@pytest.fixture(scope="module")
def calibrator(bert: Classifier, bert_folder: Path) -> Calibrator:
    return Calibrator(bert, fingerprint(bert_folder, max_length=64)).update(TEXTS)


@pytest.fixture(scope="module")
def several(calibrator: Calibrator) -> Calibration:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drift_statistics, "N_BOOTSTRAP", 100)
        return calibrator.calibrate(max_fpr=0.1, domains=NAMES)


@pytest.fixture
def load(several: Calibration, bert_folder: Path, tmp_path: Path) -> Callable[..., Defense]:
    (tmp_path / "calibration.json").write_text(several.to_json())
    return lambda rule="verified": Defense.load(bert_folder, rule=rule, calibration=tmp_path / "calibration.json")


def test_a_calibration_with_domains_comes_back(several: Calibration) -> None:
    assert Calibration.from_json(several.to_json()) == several
    assert several.drift
    assert several.drift.names == ("long", "short")
    assert sum(domain.n_texts for domain in several.drift.domains) == len(TEXTS)
    assert len(several.domain_gates) == 2
    assert not [text for text in TEXTS if text in several.to_json()]


def test_a_file_from_before_drift_statistics_is_read(calibration: Calibration, bert_folder: Path) -> None:
    document = json.loads(calibration.to_json())
    for name in ("drift", "domain_gates"):
        del document[name]
    old = Calibration.from_json(json.dumps(document))
    assert old == calibration
    defense = Defense.load(bert_folder, calibration=old)
    assert defense.reservoir is None
    told = describe(defense, Settings())["drift"]
    assert not told["watched"]
    assert "no drift statistics" in told["reason"]


def test_each_text_is_held_against_its_own_domain(several: Calibration, bert: Classifier) -> None:
    assert several.drift
    gate = DomainGate(several.drift, several.domain_gates)
    encodings = bert.encode(LIVE)
    looks = bert.look(encodings)
    cells = several.drift.told_apart().nearest(projections(looks, several.drift.directions.array()))
    assert set(cells.tolist()) == {0, 1}
    assert (cells[:20] == 0).mean() > 0.7
    assert (cells[20:] == 1).mean() > 0.5
    for row, score in enumerate(gate(encodings, looks)):
        (alone,) = Gate(several.domain_gates[cells[row]])([encodings[row]], [looks[row]])
        assert (score.gate_score, score.p_value) == pytest.approx((alone.gate_score, alone.p_value))
        assert score.domain == cells[row]
        assert gate([encodings[row]], [looks[row]])[0].domain == score.domain
    assert gate.p_values(encodings, looks)[:, :3] == pytest.approx(gate.p_values(encodings[:3], looks[:3]))
    assert gate([], []) == []


def test_clean_texts_of_each_domain_are_flagged_as_often_as_wanted(several: Calibration, bert: Classifier) -> None:
    assert several.drift
    gate = DomainGate(several.drift, several.domain_gates)
    encodings = bert.encode(TEXTS)
    scores = gate(encodings, bert.look(encodings))
    for place in range(2):
        flagged = [score.p_value <= 0.1 for score in scores if score.domain == place]
        assert np.mean(flagged) < 0.2


def test_a_threshold_is_that_of_the_domain(load: Callable[..., Defense]) -> None:
    verdicts = load()(LIVE)
    assert len({verdict.threshold for verdict in verdicts}) == 2
    for verdict in verdicts:
        assert verdict.verified or verdict.gate_score is None or verdict.flagged == (verdict.p_value <= 0.1)


def test_what_a_server_saw_is_watched_and_changes_nothing(load: Callable[..., Defense]) -> None:
    defense = load()
    first = defense(LIVE)
    reservoir = defense.reservoir
    assert reservoir
    assert reservoir.n_waiting == len(LIVE)
    for _ in range(12):
        again = defense(LIVE)
    assert again == first
    windows = reservoir.take()
    assert windows
    assert len(windows) * WINDOW + reservoir.n_waiting == 13 * len(LIVE)
    assert defense.cold().reservoir is None


def test_what_is_told_of_it(load: Callable[..., Defense]) -> None:
    told = describe(load(), Settings())["drift"]
    assert (told["watched"], told["window"], told["false_alarm_rate"]) == (True, WINDOW, 0.01)
    assert [domain["name"] for domain in told["domains"]] == ["long", "short"]
    assert all(set(domain) == {"name", "n_texts"} for domain in told["domains"])
    other = describe(load("conformal"), Settings(rule="conformal"))["drift"]
    assert other == {"watched": False, "reason": "rule conformal looks at no states"}


def test_metrics_and_log(load: Callable[..., Defense], caplog: pytest.LogCaptureFixture) -> None:
    written: list[tuple[str, float, str]] = []

    class Kept:
        def __init__(self, name: str) -> None:
            self.name = name

        def add_or_update(self, value: float, labels: list[str]) -> None:
            written.append((self.name, value, labels[0]))

    names = [f"xgraad_drift_{each}" for each in ("windows_total", "alarms_total", "ratio")]
    metrics = Metrics({name: Kept(name) for name in names}, "toy")
    metrics.loaded(load())
    assert written == [(name, 0, domain) for domain in ("long", "short") for name in names[:2]]
    written.clear()
    windows = [DriftWindow(domain="long", ratio=ratio, was_alarm=was) for ratio, was in WINDOWS]
    metrics.drifted(windows[:2])
    assert [value for _, value, _ in written] == [1, 0, 0.5, 1, 1, 100.0]
    caplog.set_level("INFO", logger="xgraad")
    log_drift(windows, model="toy")
    told: list[dict[str, Any]] = [json.loads(record.getMessage()) for record in caplog.records]
    assert [(event["event"], event["domain"], event["ratio"]) for event in told] == [
        ("drift_began", "long", 1000.0),
        ("drift_ended", "long", 0.9),
    ]


WINDOWS = [(0.5, False), (1000.0, False), (2.0, True), (0.9, True)]


def test_domains_are_found_where_nobody_names_them(bert: Classifier) -> None:
    encodings = bert.encode(TEXTS)
    looks = bert.look(encodings)
    found = domains_of(looks, 2, max_fpr=0.1)
    assert found
    assert found.names == ("cluster-1", "cluster-2")
    gates = fit_domain_gates(encodings, looks, found)
    assert len(gates) == 2
    assert sum(len(gate.fisher) for gate in gates) == len(TEXTS)


def test_one_domain_has_no_gate_of_its_own_and_few_texts_are_none(bert: Classifier) -> None:
    encodings = bert.encode(SHORT[:WINDOW])
    looks = bert.look(encodings)
    alone = domains_of(looks, 1, max_fpr=0.1)
    assert alone
    assert alone.names == ("all",)
    assert fit_domain_gates(encodings, looks, alone) == ()
    assert domains_of(looks[1:], 1, max_fpr=0.1) is None
    assert fit_domain_gates(encodings, looks, None) == ()


def test_a_domain_with_too_few_texts_is_named(bert: Classifier) -> None:
    looks = bert.look(bert.encode(TEXTS))
    names = ["short"] * (len(TEXTS) - 5) + ["rare"] * 5
    with pytest.raises(TooFewTextsError, match="domain rare: needs at least 200 clean texts, got 5; add others"):
        domains_of(looks, names, max_fpr=0.1)
    with pytest.raises(TooFewTextsError, match=r"domain cluster-\d: .* 200 clean texts that are nearest to it, got"):
        domains_of(looks, 5, max_fpr=0.1)
    with pytest.raises(CalibrationError, match="domains: must be at most 16, are 17; name coarser ones"):
        domains_of(looks, 17, max_fpr=0.1)


def test_what_does_not_fit_is_named(several: Calibration, bert: Classifier) -> None:
    shape = ModelShape.of(bert)
    several.require_fit(shape)
    assert several.drift
    one = several.drift.model_copy(update={"domains": several.drift.domains[:1]})
    gates = several.domain_gates
    for changed, rule in (
        ({"domain_gates": gates[:1]}, "domain_gates must be one for each of several domains, are 1 for 2"),
        ({"drift": None}, "domain_gates must be one for each of several domains, are 2 for 1"),
        ({"drift": one}, "domain_gates must be one for each of several domains, are 2 for 1"),
        ({"domain_gates": gates[::-1]}, r"domain_gates\.0\.\w+ must have an entry for each of the \d+ texts"),
    ):
        with pytest.raises(CalibrationError, match=rf"^calibration\.json: {rule}"):
            several.model_copy(update=changed).require_fit(shape)
    with pytest.raises(CalibrationError, match=r"drift\.directions must be of width 33, are of 32"):
        require_domains(one, (), shape._replace(width=33))
