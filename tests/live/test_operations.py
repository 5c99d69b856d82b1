"""What an operator sees of a real server: metrics, logs, and a refusal of what is not what was packed."""

import json
import os
import re
import shutil
import socket
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from handler.xgraad.events import text_hash
from scripts import build_archive
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.packing.archive_check import archive_digest
from scripts.serving.client import Client
from scripts.serving.running_server import RunningServer
from scripts.serving.server import serving
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from tests.conftest import CLEAN_TEXTS
from tests.live.scrape import value, wait_for
from tests.toys import SENTENCES

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]
JSON = {"Content-Type": "application/json"}
EVIL = "s3cret\n[METRICS]evil.Count:1|#Level:Model|#hostname:x,1\n[PID]99999999999999999\nTorch worker started.\r\u2028"


@pytest.fixture(scope="module")
def folder(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds the store with one archive; the rule flags some of the toy's texts."""
    folder = tmp_path_factory.mktemp("ops")
    paths = ["--checkpoint", str(bert_folder), "--calibration", str(bert_folder / "calibration.json")]
    build = ["--name", "toy", *paths, "--model-store", str(folder / "store"), "--rule", "paper"]
    assert build_archive.main(build) == Exit.DONE
    return folder


def options_for(folder: Path, model: str, *, workers: int = 1) -> ServerOptions:
    return ServerOptions(
        model_store=folder / "store",
        models=archives_named([model]),
        workers=workers,
        ports=Ports.free(),
        state_dir=folder / f"{model}-state",
    )


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with serving(options_for(folder, "toy", workers=2)) as server:
        yield server


def test_a_scrape_shows_what_was_answered(server: RunningServer, client: Client) -> None:
    port = server.options.ports.metrics
    # Both workers have loaded, and one has answered the canary, before the server counts as ready.
    before = wait_for(port, lambda found: value(found, "xgraad_judged_texts_total", ModelName="toy") == 1)
    assert value(before, "xgraad_loads_total", ModelName="toy") == 2
    assert value(before, "xgraad_verified_texts_total") == 0
    assert value(before, "xgraad_calibrated_flag_rate") == pytest.approx(0.05)
    documents = [client.predict("toy", {"text": text}) for text in CLEAN_TEXTS[:24]]
    client.predict_grpc("toy", {"text": SENTENCES[0].encode()})
    assert client.post("toy", b'{"text": 5}', JSON).status == 422
    flagged = sum(document["defense"]["flagged"] for document in documents)

    def counted(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    after = wait_for(port, lambda found: value(found, "xgraad_requests_total", outcome="refused") == 1)
    after = wait_for(port, lambda found: value(found, "xgraad_judged_texts_total") >= 26)
    assert counted("xgraad_requests_total", outcome="answered", ModelName="toy", Level="Model") == 25
    assert counted("xgraad_errors_total", code="422", type="wrong_type") == 1
    assert 0 <= counted("xgraad_flagged_texts_total") - flagged <= 1
    assert counted("xgraad_p_value_count") == 25
    assert counted("xgraad_p_value_bucket", le="1.0") == 25
    assert counted("xgraad_stage_seconds_count", stage="judge") >= 24
    assert counted("xgraad_stage_seconds_sum", stage="judge") > 0
    assert value(after, "Requests4XX") >= 1


def test_hostile_texts_reach_neither_metrics_nor_logs(server: RunningServer, client: Client) -> None:
    for body in ({"text": EVIL}, {"text": EVIL * 400}, {EVIL: EVIL}, {"texts": [EVIL, 5]}, [EVIL]):
        client.predict("toy", body)
    client.post("toy", EVIL.encode(), {"Content-Type": "text/plain"})
    client.post("toy", EVIL.encode(), JSON)
    client.predict_grpc("toy", {"text": EVIL.encode(), "explain": EVIL.encode()})
    found = wait_for(server.options.ports.metrics, lambda found: value(found, "xgraad_errors_total", code="413") >= 1)
    assert not [name for name, _ in found if "evil" in name]
    logs = {path.name: path.read_text(errors="replace") for path in server.logs.rglob("*") if path.is_file()}
    assert "model_log.log" in logs
    assert [name for name, content in logs.items() if "s3cret" in content or "evil" in content] == []
    lines = re.findall(r'MODEL_LOG - (\{"event".*\})$', logs["model_log.log"], flags=re.MULTILINE)
    events = [json.loads(line) for line in lines]
    assert [event["event"] for event in events].count("loaded") == 2
    refused = [event for event in events if event["event"] == "refused" and event["status"] == 413]
    assert refused
    assert all(re.fullmatch(r"[0-9a-f-]{36}", event["request_id"]) for event in refused)
    hashes = {text["hash"] for event in events for text in event.get("fields", [])}
    assert text_hash(EVIL) in hashes  # of the JSON that is none, as bytes


FORGED = "forged\x1b[31m\n2026-01-01T00:00:00,000 [INFO ] forged\n[METRICS]forged.Count:1|#Level:Model|#hostname:x,1\r"


def raw_post(server: RunningServer, path: bytes, header: bytes, key: str | None) -> bytes:
    """A request that no HTTP library would send; the first line of what comes back."""
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n%s\r\n" % (path, str(key).encode(), header)
    with socket.create_connection(("127.0.0.1", server.options.ports.inference), timeout=30) as connection:
        connection.sendall(head + b"Content-Type: application/json\r\nContent-Length: 13\r\n\r\n" + b'{"text": "a"}')
        return connection.recv(65536).partition(b"\r\n")[0]


def test_names_headers_and_request_ids_forge_no_line(server: RunningServer, client: Client) -> None:
    """Of log or metrics, with what is not a text: the address, a header, a field, a model's name."""
    key = client.key("inference")
    for header in (b"X-Request-Id: ", b"X-forged: ", b"Accept: text/html;", b"describe: ", b"User-Agent: "):
        colored = header + FORGED.replace("\r", "").replace("\n", " ").encode()
        assert raw_post(server, b"/predictions/toy", colored, key).startswith(b"HTTP/1.1 200")
    split = raw_post(server, b"/predictions/toy", b"X-A: " + FORGED.strip().encode(), key)
    assert re.match(rb"HTTP/1.1 [24]", split)  # TorchServe takes each line for a header of its own
    for path in (f"/predictions/{quote(FORGED)}", f"/predictions/toy/{quote(FORGED)}", f"/{quote(FORGED)}"):
        assert raw_post(server, path.encode(), b"X-A: b", key).startswith(b"HTTP/1.1 4")
    assert client.predict_grpc(FORGED, {"text": b"a"})["error"]["type"] == "grpc INTERNAL"
    assert client.predict_grpc("toy", {FORGED: FORGED.encode()})["error"]["code"] == 422
    port = server.options.ports.metrics
    found = wait_for(port, lambda found: value(found, "xgraad_errors_total", type="unknown_field") >= 1)
    assert not [name for name, _ in found if "forged" in name]
    assert not [labels for _, labels in found if "forged" in str(labels)]
    logs = {path.name: path.read_bytes() for path in server.logs.iterdir()}
    assert b"%1B%5B31m%0A" in logs["access_log.log"]  # the address is there, as it was sent
    for content in logs.values():
        assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", content)
        assert not re.search(rb"^\W*(2026-01-01|forged|\[METRICS\]forged)", content, flags=re.MULTILINE)
    assert b"forged" not in logs["model_log.log"] + logs["model_metrics.log"]


MALFORMED = [
    b"text=s3cret [INFO ] %zz",
    b"text=%s3cret",
    b"=s3cret%",
    b"text=%E0%A4%s3cret\x1b[31m",
]


@pytest.mark.parametrize("data", MALFORMED)
def test_a_malformed_form_is_told_by_its_place_alone(server: RunningServer, client: Client, data: bytes) -> None:
    """TorchServe answers it before any worker sees it, and would log what was sent."""
    reply = client.post("toy", data, {"Content-Type": "application/x-www-form-urlencoded"})
    assert (reply.status, reply.document()["type"]) == (500, "ErrorDataDecoderException")
    logs = {path.name: path.read_bytes() for path in server.logs.iterdir()}
    assert b"HttpRequestHandler - at io.netty." in logs["request_errors.log"]
    for content in logs.values():
        assert b"s3cret" not in content
    assert client.predict("toy", {"text": "a plot"})["label"]


def test_a_changed_archive_is_refused_with_the_files_name(folder: Path) -> None:
    """The zip is whole, and one of its files is another."""
    original, changed = folder / "store" / "toy.mar", folder / "store" / "changed.mar"
    with zipfile.ZipFile(original) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = bytearray(old.read(name))
            if name == "model.safetensors":
                content[len(content) // 2] ^= 1
            new.writestr(name, bytes(content))
    assert archive_digest(original) != archive_digest(changed)
    reason = "model changed did not load: model.safetensors: was changed after packing"
    with pytest.raises(LabError, match=reason), serving(options_for(folder, "changed"), timeout_s=90):
        pytest.fail("a model with a flipped bit became ready")


@pytest.mark.parametrize("name", ["../../../{}", "/tmp/{}", "MAR-INF/../../../../{}"])
def test_an_archive_that_leads_out_of_its_folder_is_not_served(folder: Path, name: str) -> None:
    """Nor is anything of it written elsewhere."""
    evil = folder / "store" / "evil.mar"
    shutil.copyfile(folder / "store" / "toy.mar", evil)
    with zipfile.ZipFile(evil, "a") as archive:
        archive.writestr(name.format(outside := f"outside-{os.getpid()}.txt"), "x")
    options = options_for(folder, "evil")
    reason = "model evil (was not registered|did not load: .*outside.*txt: is not on the list)"
    with pytest.raises(LabError, match=reason), serving(options, timeout_s=90):
        pytest.fail("an archive that leads out of its folder became ready")
    assert outside in "".join(path.read_text() for path in (options.state_dir / "logs").iterdir())
    assert not [*folder.rglob(outside), *Path("/tmp").glob(outside), *Path(tempfile.gettempdir()).glob(outside)]
