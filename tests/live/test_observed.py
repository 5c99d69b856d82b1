"""A live server under a real Prometheus, and its replies against the description of the API."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scripts import build_archive, check_ready
from scripts.console.command import Exit
from scripts.serving.client import Client
from scripts.serving.running_server import RunningServer
from scripts.serving.server import serving
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from tests.conftest import CLEAN_TEXTS
from tests.live.scrape import value, wait_for
from tests.unit.test_monitoring import DASHBOARD, DEPLOY, RULES, named
from tests.unit.test_openapi import OPENAPI

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
JSON = {"Content-Type": "application/json"}
N_EXAMPLES = 15
"""Generated requests for each operation and each way of generating."""


@pytest.fixture(scope="module")
def server(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("observed")
    paths = ["--checkpoint", str(bert_folder), "--calibration", str(bert_folder / "calibration.json")]
    build = ["--name", "toy", *paths, "--model-store", str(folder / "store"), "--rule", "conformal"]
    assert build_archive.main(build) == Exit.DONE
    options = ServerOptions(
        model_store=folder / "store", models=archives_named(["toy"]), ports=Ports.free(), state_dir=folder
    )
    with serving(options) as server:
        yield server


def test_ready_is_a_canary_answered(server: RunningServer, client: Client) -> None:
    ports = server.options.ports
    addresses = ["--inference", f"http://127.0.0.1:{ports.inference}"]
    addresses += ["--management", f"http://127.0.0.1:{ports.management}"]
    keys = ["--key-file", str(server.key_file)]
    assert check_ready.main([*addresses, *keys]) == Exit.DONE
    assert check_ready.main([*addresses, *keys, "--models", "toy"]) == Exit.DONE
    assert check_ready.main([*addresses, *keys, "--alive"]) == Exit.DONE
    assert check_ready.main([*addresses, *keys, "--models", "other"]) == Exit.BELOW_TARGET
    assert check_ready.main([*addresses, "--key-file", "none", "--models", "toy"]) == Exit.BELOW_TARGET
    assert client.predict("toy", {"text": "a film"})["label"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def prometheus(server: RunningServer, tmp_path: Path) -> Iterator[str]:
    """Address of a Prometheus that scrapes the server every second and evaluates our rules."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("needs prometheus (Debian package prometheus)")
    target = f"127.0.0.1:{server.options.ports.metrics}"
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "prometheus-rules.yaml")],
        "scrape_configs": [{"job_name": "xgraad", "static_configs": [{"targets": [target]}]}],
    }
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = [program, f"--config.file={tmp_path / 'prometheus.yaml'}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        _wait_until_up(f"http://{address}")
        yield f"http://{address}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_until_up(address: str) -> None:
    deadline = time.monotonic() + 90
    while not asked(address, 'up{job="xgraad"} == 1'):
        assert time.monotonic() < deadline, "Prometheus does not see the server"
        time.sleep(0.5)


def asked(address: str, expression: str) -> list[Any]:
    """What Prometheus answers to a query."""
    try:
        with requests.get(f"{address}/api/v1/query", params={"query": expression}, timeout=10) as reply:
            document = reply.json()
    except (requests.ConnectionError, ValueError):
        return []
    assert document.get("status") == "success", (expression, document)
    result: list[Any] = document["data"]["result"]
    return result


def test_prometheus_reads_every_metric_of_dashboard_and_rules(
    server: RunningServer, client: Client, prometheus: str
) -> None:
    for text in CLEAN_TEXTS[:30]:
        client.predict("toy", {"text": text})
    client.post("toy", b'{"text": 5}', JSON)
    wait_for(server.options.ports.metrics, lambda found: value(found, "xgraad_judged_texts_total") >= 30)
    time.sleep(3)
    for text in CLEAN_TEXTS[30:]:
        client.predict("toy", {"text": text})
    time.sleep(4)
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    expressions = [*panels, *(rule["expr"] for group in RULES["groups"] for rule in group["rules"])]
    # Series that only trouble makes; TorchServe begins its own counters with the first of their kind.
    rare = {"xgraad_load_failures_total", "Requests5XX"}
    rare |= {f"xgraad_drift_{each}" for each in ("alarms_total", "ratio", "windows_total")}  # needs 200 clean texts
    for name in set().union(*map(named, expressions)) - rare:
        assert asked(prometheus, name), name
    for expression in panels:
        bare = expression.replace("$__rate_interval", "1m").replace("$model", ".*")
        assert asked(prometheus, bare) or named(bare) & rare, bare
    with requests.get(f"{prometheus}/api/v1/rules", timeout=10) as reply:
        states = [rule for group in reply.json()["data"]["groups"] for rule in group["rules"]]
    assert len(states) == sum(len(group["rules"]) for group in RULES["groups"])
    assert {rule["health"] for rule in states} == {"ok"}


def test_promtool_finds_no_fault_in_our_metrics(server: RunningServer) -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("needs promtool (Debian package prometheus)")
    url = f"http://127.0.0.1:{server.options.ports.metrics}/metrics"
    with requests.get(url, timeout=10) as reply:
        done = subprocess.run([tool, "check", "metrics"], input=reply.content, capture_output=True, check=False)
    assert done.returncode in (0, 3), done.stderr  # 3: complaints about names, TorchServe's among them
    complaints = [line for line in done.stderr.decode().splitlines() if line.startswith("xgraad_")]
    assert [line for line in complaints if "no help text" not in line and "camelCase" not in line] == []


def described(server: RunningServer) -> Any:
    """The description with the one model that is there, its one version, and texts that do not take seconds."""
    schemathesis = pytest.importorskip("schemathesis")
    document = json.loads(json.dumps(OPENAPI))
    document["components"]["parameters"]["model"]["schema"] = {"type": "string", "enum": ["toy"]}
    document["components"]["parameters"]["version"]["schema"] = {"type": "string", "enum": ["1.0"]}
    document["components"]["schemas"]["Text"]["maxLength"] = 200
    document["components"]["schemas"]["Texts"]["maxItems"] = 3
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=f"http://127.0.0.1:{server.options.ports.inference}")
    return schema


OPERATIONS = [
    "GET /ping",
    "POST /predictions/{model}",
    "POST /predictions/{model}/{version}",
    "POST /v1/models/{model}:predict",
    "POST /v2/models/{model}/infer",
    "GET /explanations/{model}",
    "POST /explanations/{model}",
]
TAKE_NOTHING = ("GET /ping", "GET /explanations/{model}")
PAGE = "/explanations/{model}"


def test_every_operation_is_tried() -> None:
    described = {f"{method.upper()} {path}" for path, item in OPENAPI["paths"].items() for method in item}
    assert {name for name in described if not name.startswith("PARAMETERS")} == set(OPERATIONS)


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_replies_are_what_the_description_says(
    server: RunningServer, client: Client, operation: str, mode: str
) -> None:
    """Whatever is sent, as it should be or not: a status and a body that are described, and no 5xx."""
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    if operation in TAKE_NOTHING and mode == "negative":
        pytest.skip("it takes nothing that could be wrong")
    method, path = operation.split()
    generated = described(server)[path][method].as_strategy(generation_mode=GenerationMode(mode))
    checks = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
    seen: set[tuple[int, str]] = set()

    @given(case=generated, accept=st.sampled_from(["text/html", "*/*"]))
    @settings(
        max_examples=N_EXAMPLES,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    def hold(case: Any, accept: str) -> None:
        reply = case.call(headers={"Authorization": f"Bearer {client.key('inference')}", "Accept": accept})
        seen.add((reply.status_code, reply.headers["content-type"][0].partition(";")[0]))
        case.validate_response(reply, checks=checks)

    hold()
    assert seen
    if mode == "positive":
        assert 200 in {status for status, _ in seen}
        assert ("text/html" in {kind for _, kind in seen}) == (path == PAGE)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/ping", {"Authorization": "Bearer wrong"}, 400),
        ("/predictions/toy", {"Authorization": "Bearer wrong"}, 400),
        ("/predictions/other", {}, 404),
        ("/predictions/toy/9.9", {}, 404),
        ("/explanations/other", {}, 404),
    ],
)
def test_torchserves_own_errors_are_described_too(
    server: RunningServer, client: Client, path: str, headers: dict[str, str], status: int
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    url = f"http://127.0.0.1:{server.options.ports.inference}{path}"
    key = {"Authorization": f"Bearer {client.key('inference')}"}
    method = "GET" if path == "/ping" else "POST"
    with requests.request(method, url, json={"text": "a"}, headers=key | headers, timeout=20) as reply:
        assert reply.status_code == status
        assert reply.headers["content-type"] == "application/json"
        jsonschema.validate(reply.json(), OPENAPI["components"]["schemas"]["TorchServeError"])


@pytest.mark.parametrize(
    ("method", "data", "status"), [("GET", b"", 200), ("POST", b"text=a+plot", 200), ("POST", b"text=", 422)]
)
def test_the_page_is_what_the_description_says(
    server: RunningServer, client: Client, method: str, data: bytes, status: int
) -> None:
    """Body and headers, with which the generated requests above do not deal."""
    jsonschema = pytest.importorskip("jsonschema")
    headers = {"Accept": "text/html", "Authorization": f"Bearer {client.key('inference')}"}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    url = f"http://127.0.0.1:{server.options.ports.inference}/explanations/toy"
    with requests.request(method, url, data=data, headers=headers, timeout=20) as reply:
        assert (reply.status_code, reply.headers["content-type"]) == (status, "text/html; charset=utf-8")
        found = reply.text, reply.headers
    described = OPENAPI["paths"][PAGE][method.lower()]["responses"][str(status)]
    jsonschema.validate(found[0], resolved(described["content"]["text/html"]["schema"]))
    told = OPENAPI["paths"][PAGE]["get"]["responses"]["200"]["headers"]
    assert {"Content-Security-Policy", "x-request-id"} <= set(told)
    for name, header in told.items():
        jsonschema.validate(found[1][name], resolved(header)["schema"])


def resolved(schema: Any) -> Any:
    """What a reference stands for."""
    *_, kind, name = schema.get("$ref", "#/none/none").split("/")
    return OPENAPI["components"][kind][name] if "$ref" in schema else schema
