"""A worker that watches windows of texts: what it writes, what it logs, and that nobody's answer changes."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from handler.xgraad import Calibration, Classifier
from handler.xgraad.drift import drift_statistics
from handler.xgraad.drift.drift_statistics import WINDOW, DriftStatistics, one_domain
from handler.xgraad.drift.watched_states import watched_states
from tests.contract.service_in_process import Worker, post
from tests.contract.test_metrics import declared, events, make_worker, measured
from tests.samples import copy_of
from tests.toys import SENTENCES

SAME = [f"{text} {number}" for number in range(WINDOW // len(SENTENCES)) for text in SENTENCES]
OTHER = [f"dull thin ugly {number} plot of a dull plot of a thin plot" for number in range(WINDOW)]


@pytest.fixture
def watched(bert: Classifier, checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint whose calibration has drift statistics."""
    monkeypatch.setattr(drift_statistics, "N_BOOTSTRAP", 100)
    folder = copy_of(checkpoints["bert"], tmp_path / "checkpoint")
    states = watched_states(bert.look(bert.encode(SAME))).numpy()
    drift = DriftStatistics.fit(states, one_domain(states))
    calibration = Calibration.read(folder / "calibration.json").model_copy(update={"drift": drift})
    (folder / "calibration.json").write_text(calibration.to_json())
    return folder


def ask(worker: Worker, texts: list[str]) -> list[bytes]:
    """The replies to texts, 50 a request."""
    batches = [texts[start : start + 50] for start in range(0, len(texts), 50)]
    return [answer.body for batch in batches for answer in worker(post({"texts": batch}))]


def test_windows_are_measured_and_an_alarm_is_one_line(
    watched: Path, torchserve: SimpleNamespace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(SAME) == WINDOW
    caplog.set_level(logging.INFO)
    worker = make_worker(watched, torchserve, tmp_path / "toy", registry=False)
    ask(worker, [*SAME, *OTHER, *SAME])
    lines = [line for line in measured(caplog) if line.name.startswith("xgraad_drift_")]
    assert all(list(line.labels) == declared()[line.name][1] and line.labels["domain"] == "all" for line in lines)
    values = {name: [line.value for line in lines if line.name == name] for name in {line.name for line in lines}}
    assert values["xgraad_drift_windows_total"] == [0, 1, 1, 1]
    assert values["xgraad_drift_alarms_total"] == [0, 0, 1, 0]
    assert [ratio > 1 for ratio in values["xgraad_drift_ratio"]] == [False, True, False]
    told = [event for event in events(caplog) if event["event"].startswith("drift_")]
    assert [(event["event"], event["domain"], event["model"]) for event in told] == [
        ("drift_began", "all", "toy"),
        ("drift_ended", "all", "toy"),
    ]
    assert not [text for text in OTHER if text in json.dumps(told)]


def test_what_is_watched_changes_no_answer(
    watched: Path, checkpoints: dict[str, Path], torchserve: SimpleNamespace, tmp_path: Path
) -> None:
    unwatched = make_worker(checkpoints["bert"], torchserve, tmp_path / "a", registry=False)
    assert unwatched.handler.defense.reservoir is None
    texts = [*SAME[:50], *OTHER[:50]]
    assert ask(make_worker(watched, torchserve, tmp_path / "b", registry=False), texts) == ask(unwatched, texts)
