"""The one command that serves on Ray: who can reach it, what it counts, what it writes, and what it refuses."""

import json
import re
import shutil
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest
import requests

from scripts.serving.client import Client
from scripts.serving.ray_server import RayServer
from scripts.serving.server_options import PROJECT
from tests.conftest import CLEAN_TEXTS
from tests.contract.test_metrics import declared
from tests.live.http_calls import CALLS, send, typed
from tests.live.on_ray import needs_ray
from tests.live.scrape import scrape, value, wait_for
from tests.live.toy import packed

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), needs_ray]
SECRET = "s3cretword"


def test_all_of_it_listens_on_loopback_alone(ray_server: RayServer) -> None:
    everything = [ray_server.process, *ray_server.process.children(recursive=True)]
    places = [
        connection.laddr.ip
        for each in everything
        for connection in each.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(places) > 5
    assert {place for place in places if not ip_address(place.removeprefix("::ffff:")).is_loopback} == set()


def test_metrics_have_the_names_and_labels_of_torchserves(ray_server: RayServer) -> None:
    port, name = ray_server.options.port, "xgraad_requests_total"
    before = value(scrape(port), name, ModelName="toy", outcome="answered")
    with ray_server.client() as client:
        for text in CLEAN_TEXTS[:5]:
            client.predict("toy", {"text": text})
        client.predict("toy", {"text": 5})
    found = wait_for(port, lambda seen: value(seen, name, ModelName="toy", outcome="answered") >= before + 5)
    assert value(found, name, ModelName="toy", outcome="answered") == before + 5
    assert value(found, "xgraad_errors_total", code="422", type="wrong_type") >= 1
    assert value(found, "xgraad_loads_total", ModelName="toy") >= 1
    ours = {each: labels for each, (_, labels) in declared().items() if each.startswith("xgraad_")}
    for (sample, labels), _ in found.items():
        metric = re.sub("_(bucket|sum|count)$", "", sample)
        assert {label for label, _ in labels} - {"le"} == set(ours[metric]), sample


def test_no_text_reaches_a_log(ray_server: RayServer) -> None:
    """Neither of a body nor of an address, nor of a header that Serve takes for an id."""
    calls = (
        typed("application/x-www-form-urlencoded", f"text=%{SECRET}".encode()),
        typed("application/json", f'{{"{SECRET}": 1}}'.encode()),
        typed("text/plain", SECRET.encode()),
        typed("text/plain", SECRET.encode(), f"/predictions/toy?text={SECRET}"),
        typed("text/plain", b"a film", f"/predictions/{SECRET}"),
    )
    for call in calls:
        send(ray_server.address, call)
    headers = {"x-request-id": SECRET, "Content-Type": "application/json"}
    requests.post(f"{ray_server.address}/predictions/toy", data=b"5", headers=headers, timeout=30)
    texts = [path.read_bytes() for path in [ray_server.log, *logs_of(ray_server).rglob("*")] if path.is_file()]
    assert any(b'"event": "refused"' in text for text in texts)  # else nothing is shown
    assert not any(SECRET.encode() in text for text in texts)


def logs_of(server: RayServer) -> Path:
    """Ray's own folder of logs."""
    lines = [" ".join(each.cmdline()) for each in server.process.children(recursive=True)]
    (folder,) = {found[1] for line in lines if (found := re.search(r"gcs_server.* --log_dir=(\S+)", line))}
    return Path(folder)


def test_the_python_client_and_the_health_of_it(ray_server: RayServer) -> None:
    with Client(inference=ray_server.address) as client:
        assert client.is_up()
        assert client.predict("nope", {"text": "x"})["error"]["type"] == "ModelNotFoundException"
        assert client.predict("toy", {"text": CLEAN_TEXTS[0]}, explain=True)["words"]


def test_options_get_405(ray_server: RayServer) -> None:
    assert requests.options(ray_server.address, timeout=30).json()["type"] == "MethodNotAllowedException"
    assert CALLS["ping"].status == send(ray_server.address, CALLS["ping"]).status


def refused(*arguments: object) -> str:
    """What the command says that does not start."""
    typed_in = [sys.executable, "-m", "scripts.serve_ray", *map(str, arguments)]
    done = subprocess.run(typed_in, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 2, done.stdout
    return done.stderr


def test_a_bad_archive_is_refused_before_ray_starts(bert_folder: Path, tmp_path: Path) -> None:
    archive = packed(bert_folder, tmp_path / "store", rule="conformal")
    content = bytearray(archive.read_bytes())
    content[content.index(b'"model_type"')] ^= 1
    archive.write_bytes(content)
    said = refused("--models", "toy", "--model-store", archive.parent, "--state", tmp_path / "state")
    assert said.count("\n") == 1
    assert "config.json: " in said
    assert "must not be served" in said
    other = refused("--models", "toy", "--model-store", archive.parent, "--sha256", "0" * 64, "--state", tmp_path)
    assert "another SHA-256" in other


@pytest.mark.slow
def test_a_model_that_does_not_load_tells_its_reason(bert_folder: Path, tmp_path: Path) -> None:
    """An archive that is whole, of a model that this server's libraries must refuse."""
    checkpoint = Path(shutil.copytree(bert_folder, tmp_path / "checkpoint"))
    archive = packed(checkpoint, tmp_path / "store", registry_file="/proc/nowhere/triggers.sqlite", rule="verified")
    said = refused("--models", "toy", "--model-store", archive.parent, "--state", tmp_path / "state", "--port", 18999)
    assert "a model did not load: SettingsError" in said
    assert "registry_file" in said


def test_its_own_words_are_json(ray_server: RayServer) -> None:
    for name in ("no such model", "no such address", "ping"):
        assert json.loads(send(ray_server.address, CALLS[name]).body)
