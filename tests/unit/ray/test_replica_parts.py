"""What a replica is made of, without Ray: the canary, and the lines of metrics with their totals."""

from pathlib import Path

import pytest

from deploy.ray.canary import UnfitModelError, require_answer
from deploy.ray.metric_lines import LineWriter, MetricLine, declared_metrics
from handler.answers.reply import Served
from handler.defended_model import DefendedModel
from handler.hooks.exchange import Exchange
from handler.observation.metrics import BEGIN, Metrics


@pytest.fixture(scope="module")
def lines() -> list[MetricLine]:
    return []


@pytest.fixture(scope="module")
def model(bert_folder: Path, lines: list[MetricLine]) -> DefendedModel:
    model = DefendedModel()
    metrics = Metrics({each.name: LineWriter(each.name, lines) for each in declared_metrics()}, "toy")
    served = Served("toy", "1.0")
    model.load(bert_folder, {"xgraad": {"rule": "conformal"}}, served=served, device="cpu", metrics=metrics)
    return model


def test_a_canary_is_answered_and_not_counted(model: DefendedModel, lines: list[MetricLine]) -> None:
    before = len(lines)
    require_answer(model)
    assert len(lines) == before > len(BEGIN)


def test_a_model_that_fails_is_unfit(model: DefendedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model.defense, "judge", lambda *_: 1 / 0)
    with pytest.raises(UnfitModelError, match="the canary got 500 defense_failed"):
        require_answer(model)


def test_every_line_is_declared(model: DefendedModel, lines: list[MetricLine]) -> None:
    model.answer([Exchange(row={"text": "a fine film"}, headers={}, types={}, id="1")])
    declared = {each.name: each for each in declared_metrics()}
    for line in lines:
        assert len(line.labels) == len(declared[line.name].labels)
    assert {"xgraad_loads_total", "xgraad_requests_total", "xgraad_stage_seconds"} <= {line.name for line in lines}


def test_totals_add_up_what_all_wrote() -> None:
    pytest.importorskip("prometheus_client", reason="comes with Ray: pip install -r requirements-ray.txt")
    from deploy.ray.totals import Totals

    totals, own = Totals("here"), ("Model",)
    for _ in range(2):
        totals.add(
            [
                MetricLine("xgraad_requests_total", 2.0, ("answered", "toy", *own)),
                MetricLine("xgraad_remembered_triggers", 3.0, ("toy", *own)),
                MetricLine("xgraad_p_value", 0.04, ("toy", *own)),
            ]
        )
    page = totals.page().decode().splitlines()
    host = 'Hostname="here",Level="Model",ModelName="toy"'
    assert f'xgraad_requests_total{{{host},outcome="answered"}} 4.0' in page
    assert f"xgraad_remembered_triggers{{{host}}} 3.0" in page
    assert f'xgraad_p_value_bucket{{{host},le="0.05"}} 2.0' in page
    assert f'xgraad_p_value_bucket{{{host},le="0.025"}} 0.0' in page
    assert "# TYPE xgraad_requests_total counter" in page
    assert not [line for line in page if "_created" in line]
