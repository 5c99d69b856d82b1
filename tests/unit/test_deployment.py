"""Manifests and image of deploy/ fit together: schemas, ports, paths, users and probes, and what is in the image."""

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
