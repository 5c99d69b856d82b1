"""What deploy/ holds fits together: schemas, ports, paths, users, probes, and names of metrics."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.check_ready import build_parser
from tests.unit.test_server import PROFILE, properties

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
DEPLOYMENTS = ["deployment.yaml", "deployment-gpu.yaml"]
KUBERNETES = "1.33"
CONTAINER = properties((DEPLOY / "container.properties").read_text(encoding="utf-8"))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
RULES = yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text(encoding="utf-8"))


def manifest(name: str) -> Any:
    return yaml.safe_load((DEPLOY / "kubernetes" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_manifests_are_valid(path: Path) -> None:
    """Strict: a misspelled field is an error, as in `kubectl --validate=strict`."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    for document in documents:
        assert kubernetes_validate.validate(document, KUBERNETES, strict=True) == KUBERNETES
    assert documents


def test_the_validator_sees_a_misspelled_field() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    wrong = manifest("deployment.yaml")
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pods_may_do_nothing_but_serve(name: str) -> None:
    pod = manifest(name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"]["limits"])
    assert container["resources"]["limits"]["memory"] == container["resources"]["requests"]["memory"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_readiness_asks_a_canary_and_liveness_does_not(name: str) -> None:
    (container,) = manifest(name)["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe"):
        command = container[probe]["exec"]["command"]
        assert command[:3] == ["python", "-m", "scripts.check_ready"]
        arguments = build_parser().parse_args(command[3:])
        assert arguments.timeout < container[probe]["timeoutSeconds"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/ping"
    startup = container["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] > int(CONTAINER["default_startup_timeout"])


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_ports_paths_and_users_agree_with_the_image(name: str) -> None:
    template = manifest(name)["spec"]["template"]
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert CONTAINER["inference_address"].endswith(f":{ports['inference']}")
    assert CONTAINER["metrics_address"].endswith(f":{ports['metrics']}")
    assert f"EXPOSE {ports['inference']} {ports['metrics']}" in DOCKERFILE
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    written = set(re.findall(r"(?:TMPDIR|XDG_STATE_HOME)=(\S+)", DOCKERFILE))
    assert mounts == {CONTAINER["model_store"]} | written
    assert f"USER {template['spec']['securityContext']['runAsUser']}:" in DOCKERFILE
    volumes = {volume["name"] for volume in template["spec"]["volumes"]}
    assert volumes == {mount["name"] for mount in container["volumeMounts"]}


def test_everything_selects_the_pods_of_the_deployment() -> None:
    labels = manifest("deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    assert manifest("deployment-gpu.yaml")["spec"]["template"]["metadata"]["labels"] == labels
    selectors = [
        manifest("service.yaml")["spec"]["selector"],
        manifest("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"],
        manifest("disruption-budget.yaml")["spec"]["selector"]["matchLabels"],
        *(manifest(name)["spec"]["selector"]["matchLabels"] for name in DEPLOYMENTS),
    ]
    assert all(selector == labels for selector in selectors)
    assert manifest("autoscaler.yaml")["spec"]["scaleTargetRef"]["name"] == manifest(DEPLOYMENTS[0])["metadata"]["name"]


def test_the_network_policy_lets_nothing_out_and_strangers_not_in() -> None:
    policy = manifest("networkpolicy.yaml")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    assert policy["egress"] == []
    assert all(rule["from"] and all(rule["from"]) for rule in policy["ingress"])
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == ["inference", "metrics"]


def test_the_container_profile_differs_where_a_container_must() -> None:
    hardened = properties(PROFILE)
    differing = {key for key in CONTAINER | hardened if CONTAINER.get(key) != hardened.get(key)}
    assert differing == {
        "inference_address",
        "metrics_address",
        "disable_token_authorization",
        "token_expiration_min",
        "allowed_urls",
        "model_store",
        "load_models",
        "metrics_config",
    }
    assert "127.0.0.1" in CONTAINER["management_address"]
    assert CONTAINER["enable_model_api"] == "false"


def test_the_image_has_what_it_copies_no_root_and_a_health_check() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, flags=re.MULTILINE)
    for source in " ".join(copied).split():
        assert (PROJECT / source).exists(), source
    stages = DOCKERFILE.split("\nFROM ")
    assert re.search(r"^USER 10001:10001$", stages[-1], flags=re.MULTILINE)
    assert "scripts.check_ready" in stages[-1].split("HEALTHCHECK")[1]
    # Probes start in another folder than the server, whose logs tell them why a model does not load.
    (folder,) = re.findall(r"^cd (\S+)$", (DEPLOY / "entrypoint.sh").read_text(), flags=re.MULTILINE)
    assert f"XGRAAD_LOGS={folder}/logs " in stages[-1]
    assert "ARG DEVICE=cpu" in DOCKERFILE
    assert CONTAINER["metrics_config"].removeprefix("/opt/xgraad/") == "handler/metrics.yaml"


def test_the_entrypoint_is_a_shell_script_that_compares_digests(tmp_path: Path) -> None:
    path = DEPLOY / "entrypoint.sh"
    assert subprocess.run(["/bin/sh", "-n", str(path)], check=False).returncode == 0
    script = path.read_text().replace("/models", str(tmp_path)).split("JAVA_HOME=")[0] + "echo started\n"
    (tmp_path / "a.mar").write_bytes(b"a")

    def started(digests: str) -> bool:
        environment = {"PATH": "/usr/bin:/bin", "XGRAAD_SHA256": digests}
        done = subprocess.run(["/bin/sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
        return "started" in done.stdout

    digest = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert started("")
    assert started(f"{digest}  a.mar")
    assert not started(f"{'0' * 64}  a.mar")
    (tmp_path / "b.mar").write_bytes(b"b")
    assert not started(f"{digest}  a.mar")


def test_no_log_message_breaks_a_line_and_none_about_a_request_is_printed() -> None:
    """And every way of starting a server uses that file."""
    from xml.etree import ElementTree

    root = ElementTree.parse(DEPLOY / "log4j2.xml").getroot()
    patterns = {each.attrib["name"]: each.text or "" for each in root.iter("Property")}
    assert "%m" not in "".join(patterns.values()).replace("%encode{%m}{CRLF}", "").replace("%metrics", "")
    assert "%m" not in patterns["place"]
    layouts = {each.attrib["name"]: each[0].attrib for each in root.find("Appenders") or []}
    assert {layout["pattern"] for layout in layouts.values()} <= {"${short}", "${long}", "${place}"}
    about_requests = {
        reference.attrib["ref"]
        for logger in root.iter("Logger")
        if logger.attrib["name"] in ("org.pytorch.serve.http", "org.pytorch.serve.grpcimpl")
        and logger.attrib["additivity"] == "false"
        for reference in logger
    }
    assert about_requests
    for name in about_requests:
        assert layouts[name] == {"pattern": "${place}", "alwaysWriteExceptions": "false"}
    assert "--log-config /opt/xgraad/deploy/log4j2.xml" in (DEPLOY / "entrypoint.sh").read_text(encoding="utf-8")
    assert "deploy/log4j2.xml" in DOCKERFILE
    assert "--log-config deploy/log4j2.xml" in PROFILE


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


OPENAPI = yaml.safe_load((DEPLOY / "openapi.yaml").read_text(encoding="utf-8"))


def test_the_api_lists_every_error_that_the_handler_answers_with() -> None:
    sources = [path.read_text() for path in (PROJECT / "handler").rglob("*.py") if path.name != "reading.py"]
    pattern = r'(?:RefusedError\(\s*\d{3}(?: if \w+ else \d{3})?,|kind=)\s*"(\w+)"(?: if \w+ else "(\w+)")?'
    kinds = {kind for source in sources for found in re.findall(pattern, source) for kind in found if kind}
    assert {"too_many_texts", "empty", "trigger_blocked", "defense_failed"} <= kinds
    assert kinds == set(OPENAPI["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["type"]["enum"])


def test_the_api_knows_every_action() -> None:
    """But that of a blocked text, which is answered with an error."""
    from handler.answers.policy import ServedAction

    schema = OPENAPI["components"]["schemas"]["Defense"]["properties"]["action"]
    assert set(schema["enum"]) == set(map(str, ServedAction)) - {"blocked"}


def copied() -> list[Path]:
    """What of the project is in the image, file by file."""
    found = []
    for instruction in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE.replace("\\\n", " "), flags=re.MULTILINE):
        for source in map(PROJECT.joinpath, instruction.split()[:-1]):
            found += [source] if source.is_file() else [path for path in source.rglob("*") if path.suffix != ".pyc"]
    return [path for path in found if path.is_file()]


def test_the_image_holds_what_its_commands_need(tmp_path: Path) -> None:
    for path in copied():
        (tmp_path / path.relative_to(PROJECT)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / path.relative_to(PROJECT))
    commands = sorted(path.stem for path in (tmp_path / "scripts").glob("[a-z]*.py"))
    assert commands == ["check_ready", "predict", "serve", "triggers", "verify_archive"]
    for command in commands:
        typed = [sys.executable, "-m", f"scripts.{command}", "--help"]
        subprocess.run(typed, cwd=tmp_path, check=True, capture_output=True, env={"PATH": os.environ["PATH"]})
    for path in tmp_path.rglob("*.py"):
        for name in re.findall(r"^ *(?:from|import) ((?:handler|scripts)[\w.]*)", path.read_text(), flags=re.MULTILINE):
            place = tmp_path / name.replace(".", "/")
            assert place.with_suffix(".py").exists() or place.is_dir(), f"{path.name} imports {name}"


def test_the_image_holds_no_attack_no_plots_and_no_archiver() -> None:
    assert not [path for path in copied() if "lab" in path.parts]
    pins = (DEPLOY / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:]
    of_project = (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()[1:]
    assert set(pins) < set(of_project)
    left_out = {pin.split("==")[0] for pin in set(of_project) - set(pins)}
    assert left_out == {"torch-model-archiver", "matplotlib", "tqdm", "model-signing", "pyOpenSSL"}
