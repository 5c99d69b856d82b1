"""Dashboard and alerts name only series that there are, and alerts fire when they should and not before."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))


def declared() -> set[str]:
    """Every series that a server shows, and those that Prometheus and our rules make."""
    sections = yaml.safe_load((PROJECT / "handler" / "metrics.yaml").read_text(encoding="utf-8"))
    names = {"up", *(rule["record"] for group in RULES["groups"] for rule in group["rules"] if "record" in rule)}
    for section in ("ts_metrics", "model_metrics"):
        for kind, metrics in sections[section].items():
            suffixes = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
            names |= {metric["name"] + suffix for metric in metrics for suffix in suffixes}
    return names


WORDS = {"and", "or", "unless", "offset", "by"}


def named(expression: str) -> set[str]:
    """The metrics of a PromQL expression."""
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)', " ", expression.replace(r"\"", ""))
    return {name for name in re.findall(r"\b[a-zA-Z_][\w:]*\b(?!\s*\()", bare) if name not in WORDS}


def expressions() -> list[str]:
    of_rules = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
    of_panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    assert len(of_rules) > 10
    assert len(of_panels) > 10
    return of_rules + of_panels


def test_the_reader_of_expressions_sees_names() -> None:
    assert named('sum by (a) (rate(b_total{c="d"}[5m])) / e:f > 0.5 and absent(g offset 10m)') == {
        "b_total",
        "e:f",
        "g",
    }


@pytest.mark.parametrize("expression", expressions())
def test_dashboard_and_alerts_name_only_what_there_is(expression: str) -> None:
    assert named(expression) <= declared()
    assert named(expression) or "vector" in expression


def test_the_issues_alerts_are_there() -> None:
    alerts = {rule["alert"] for group in RULES["groups"] for rule in group["rules"] if "alert" in rule}
    wanted = {
        "XgraadFlagRateHigh",
        "XgraadFailedRequests",
        "XgraadDown",
        "XgraadWorkerRestarts",
        "XgraadVerifiedTrigger",
    }
    assert wanted <= alerts


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


MODEL = 'ModelName="toy",instance="a",job="xgraad"'
ALERTS = f"""
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    name: an attack on a model that flags one text in twenty
    input_series:
      - series: 'xgraad_judged_texts_total{{{MODEL}}}'
        values: '0+10x180'
      - series: 'xgraad_flagged_texts_total{{{MODEL}}}'
        values: '0+3x180'
      - series: 'xgraad_verified_texts_total{{{MODEL}}}'
        values: '0x90 0+1x90'
      - series: 'xgraad_calibrated_flag_rate{{{MODEL}}}'
        values: '0.05x180'
      - series: 'xgraad_loads_total{{{MODEL}}}'
        values: '2x180'
      - series: 'up{{job="xgraad",instance="a"}}'
        values: '1x180'
    alert_rule_test:
      - {{eval_time: 60m, alertname: XgraadVerifiedTrigger, exp_alerts: []}}
      - eval_time: 120m
        alertname: XgraadVerifiedTrigger
        exp_alerts: [{{exp_labels: {{ModelName: toy, severity: critical}}}}]
      - eval_time: 120m
        alertname: XgraadFlagRateHigh
        exp_alerts: [{{exp_labels: {{ModelName: toy, severity: warning}}}}]
      - {{eval_time: 120m, alertname: XgraadWorkerRestarts, exp_alerts: []}}
      - {{eval_time: 120m, alertname: XgraadDown, exp_alerts: []}}
      - {{eval_time: 120m, alertname: XgraadNoWorker, exp_alerts: []}}
      - {{eval_time: 120m, alertname: XgraadFlagRateLow, exp_alerts: []}}
  - interval: 1m
    name: a domain that drifts beside one with an alarm by chance
    input_series:
      - series: 'xgraad_drift_windows_total{{domain="reviews",{MODEL}}}'
        values: '0+1x180'
      - series: 'xgraad_drift_alarms_total{{domain="reviews",{MODEL}}}'
        values: '0x90 0+1x90'
      - series: 'xgraad_drift_windows_total{{domain="news",{MODEL}}}'
        values: '0+1x180'
      - series: 'xgraad_drift_alarms_total{{domain="news",{MODEL}}}'
        values: '0x60 1x60 2x60'
      - series: 'xgraad_drift_windows_total{{domain="tweets",{MODEL}}}'
        values: '0x100 1x80'
      - series: 'xgraad_drift_alarms_total{{domain="tweets",{MODEL}}}'
        values: '0x100 1x80'
    alert_rule_test:
      - {{eval_time: 80m, alertname: XgraadDrift, exp_alerts: []}}
      - eval_time: 180m
        alertname: XgraadDrift
        exp_alerts: [{{exp_labels: {{ModelName: toy, domain: reviews, severity: warning}}}}]
  - interval: 1m
    name: clean texts, a worker that dies, requests that fail, then the end
    input_series:
      - series: 'xgraad_judged_texts_total{{{MODEL}}}'
        values: '0+20x90'
      - series: 'xgraad_flagged_texts_total{{{MODEL}}}'
        values: '0+1x90'
      - series: 'xgraad_calibrated_flag_rate{{{MODEL}}}'
        values: '0.05x90'
      - series: 'xgraad_loads_total{{{MODEL}}}'
        values: '2x20 2+1x30'
      - series: 'xgraad_requests_total{{outcome="failed",{MODEL}}}'
        values: '0x20 0+1x70'
      - series: 'xgraad_requests_total{{outcome="answered",{MODEL}}}'
        values: '0+20x90'
      - series: 'xgraad_load_failures_total{{type="FingerprintError",{MODEL}}}'
        values: '_x60 1x30'
      - series: 'up{{job="xgraad",instance="a"}}'
        values: '1x60 0x30'
    alert_rule_test:
      - {{eval_time: 80m, alertname: XgraadFlagRateHigh, exp_alerts: []}}
      - {{eval_time: 15m, alertname: XgraadFailedRequests, exp_alerts: []}}
      - {{eval_time: 58m, alertname: XgraadLoadFailed, exp_alerts: []}}
      - eval_time: 40m
        alertname: XgraadWorkerRestarts
        exp_alerts: [{{exp_labels: {{ModelName: toy, instance: a, severity: warning}}}}]
      - eval_time: 40m
        alertname: XgraadFailedRequests
        exp_alerts: [{{exp_labels: {{ModelName: toy, severity: critical}}}}]
      - eval_time: 64m
        alertname: XgraadLoadFailed
        exp_alerts:
          - exp_labels: {{type: FingerprintError, severity: critical, ModelName: toy, instance: a, job: xgraad}}
      - eval_time: 70m
        alertname: XgraadDown
        exp_alerts: [{{exp_labels: {{job: xgraad, instance: a, severity: critical}}}}]
"""


def promtool(*arguments: str) -> str:
    """What it says of a wrong file, nothing of a right one."""
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("needs promtool (Debian package prometheus)")
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_promtool_accepts_the_rules() -> None:
    assert promtool("check", "rules", "--lint=all", str(DEPLOY / "prometheus-rules.yaml")) == ""


def test_alerts_fire_when_they_should_and_not_before(tmp_path: Path) -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text(encoding="utf-8"))
    for group in rules["groups"]:  # texts for people are not what is tested here
        for rule in group["rules"]:
            rule.pop("annotations", None)
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules))
    (tmp_path / "tests.yaml").write_text(ALERTS.replace("RULES", str(tmp_path / "rules.yaml")))
    assert promtool("test", "rules", str(tmp_path / "tests.yaml")) == ""
