"""The real server: everything that rests on TorchServe's behavior rather than on ours."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import grpc
import psutil
import pytest
import requests

from scripts import serve
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.packing.key_files import signer
from scripts.packing.signature import sign_archive
from scripts.serving.client import Client
from scripts.serving.grpc_predictions import open_channel
from scripts.serving.running_server import POLL_S, RunningServer
from scripts.serving.server import server_status, serving, start_server, stop_server
from scripts.serving.server_config import PROJECT
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from tests.unit.packing.key_pairs import write_keys

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

ECHO = """
import os

class Echo:
    def initialize(self, context):
        self.threads = os.environ.get("OMP_NUM_THREADS")

    def handle(self, data, context):
        explain = [context.get_request_header(index, "explain") for index in range(len(data))]
        return [
            {"text": self.text(row), "explain": asked, "token": os.environ.get("MY_TOKEN"), "threads": self.threads}
            for row, asked in zip(data, explain)
        ]

    def text(self, row):
        value = row.get("text") or row.get("body", {}).get("text")
        return value.decode() if isinstance(value, (bytes, bytearray)) else value
"""
BROKEN = """
class Broken:
    def initialize(self, context):
        raise RuntimeError("clear reason")

    def handle(self, data, context):
        return data
"""


def pack(store: Path, name: str, code: str, *, config: str | None = None) -> None:
    """Make `store/name.mar`; the archiver gets a temporary folder of its own because it clears one there."""
    sources = store.parent / f"{name}-sources"
    sources.mkdir()
    (sources / f"{name}_handler.py").write_text(code)
    (sources / "model-config.yaml").write_text(config or "{}\n")
    command = [str(Path(sys.executable).parent / "torch-model-archiver"), "--model-name", name, "--version", "1.0"]
    command += ["--handler", f"{name}_handler.py", "--config-file", "model-config.yaml", "--export-path", str(store)]
    subprocess.run(command, cwd=sources, env={**os.environ, "TMPDIR": str(sources)}, check=True, capture_output=True)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("live") / "store"
    store.mkdir()
    pack(store, "echo", ECHO, config="minWorkers: 1\nmaxWorkers: 1\n")
    pack(store, "broken", BROKEN)
    return store


def free_base() -> int:
    """The first of five free ports in a row, below those that the system gives out by itself."""
    for base in range(20000 + os.getpid() % 5000, 30000, 5):
        ports = asdict(Ports.from_base(base)).values()
        with ExitStack() as held:
            try:
                for port in ports:
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return base
    pytest.fail("no five free ports in a row")


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[RunningServer]:
    """A server started the way a user does. Its output is a pipe, which must close although the server goes on."""
    state = store.parent / "echo-state"
    command = [sys.executable, "-m", "scripts.serve", "start", "--models", "echo", "--workers", "2"]
    command += ["--model-store", str(store), "--state", str(state), "--port-base", str(free_base())]
    private, public = write_keys(store.parent)
    sign_archive(store / "echo.mar", signer(private))
    command += ["--require-signature", str(public)]
    environment = {**os.environ, "MY_TOKEN": "a credential of the caller"}
    environment.pop("OMP_NUM_THREADS", None)
    ended = subprocess.run(
        command, cwd=PROJECT, env=environment, check=False, capture_output=True, text=True, timeout=90
    )
    assert ended.returncode == 0, ended.stderr
    assert str(state / "key_file.json") in ended.stdout
    try:
        yield RunningServer.load(state)
    finally:
        if (state / "server.json").is_file():
            stop_server(state)


def test_rest_reaches_the_handler(client: Client) -> None:
    document = client.predict("echo", {"text": "héllo"})
    assert (document["text"], document["explain"]) == ("héllo", "False")
    assert client.predict("echo", {"text": "x"}, explain=True)["explain"] == "True"


def test_grpc_reaches_the_handler(client: Client) -> None:
    assert client.predict_grpc("echo", {"text": "héllo".encode()})["text"] == "héllo"


def test_grpc_failure_is_an_error_document(client: Client) -> None:
    error = client.predict_grpc("absent", {"text": b"x"})["error"]
    assert error["type"] == "grpc INTERNAL"
    assert "Model not found: absent" in error["message"]


def test_unknown_model_is_an_error_document(client: Client) -> None:
    assert client.predict("absent", {})["error"]["type"] == "ModelNotFoundException"
    assert client.describe("absent") is None


def test_workers_have_their_share_of_the_cores_and_no_credentials(client: Client) -> None:
    document = client.predict("echo", {"text": "x"})
    assert document["threads"] == str(max(1, len(os.sched_getaffinity(0)) // 2))
    assert document["token"] is None


def test_missing_key_is_refused(server: RunningServer) -> None:
    ports = server.options.ports
    with Client(
        inference=f"http://127.0.0.1:{ports.inference}", grpc_inference=f"127.0.0.1:{ports.grpc_inference}"
    ) as stranger:
        assert stranger.predict("echo", {"text": "x"})["error"]["type"] == "InvalidKeyException"
        assert stranger.predict_grpc("echo", {"text": b"x"})["error"]["type"] == "grpc PERMISSION_DENIED"


def test_renewed_key_replaces_the_old_one(client: Client) -> None:
    old = client.key("inference")
    client.renew("inference")
    assert client.key("inference") != old
    assert client.predict("echo", {"text": "x"})["text"] == "x"


def test_what_it_was_started_from_was_a_copy_and_is_gone(server: RunningServer, store: Path) -> None:
    assert server.options.model_store.parent == server.options.state_dir
    assert not server.options.model_store.exists()
    assert (store / "echo.mar").is_file()


def test_a_dead_worker_is_replaced_without_it(server: RunningServer, client: Client) -> None:
    dead = server.workers(client)[0].pid
    psutil.Process(dead).kill()
    deadline = time.monotonic() + 60
    while dead in {each.pid for each in server.workers(client)} or not server.all_ready(server.workers(client)):
        assert time.monotonic() < deadline
        time.sleep(POLL_S)
    assert client.predict("echo", {"text": "x"})["text"] == "x"


def test_models_cannot_be_registered_over_the_api(server: RunningServer, client: Client) -> None:
    url = f"http://127.0.0.1:{server.options.ports.management}/models?url=https://example.org/x.mar"
    with requests.post(url, headers={"Authorization": f"Bearer {client.key('management')}"}, timeout=10) as reply:
        assert reply.status_code == 405


def test_nor_over_grpc(server: RunningServer, client: Client) -> None:
    message = b"\x4a\x0abroken.mar"  # field 9 of RegisterModelRequest: the address
    address = f"127.0.0.1:{server.options.ports.grpc_management}"
    with open_channel(address, timeout_s=10) as channel:
        call = channel.unary_unary("/org.pytorch.serve.grpc.management.ManagementAPIsService/RegisterModel")
        with pytest.raises(grpc.RpcError) as refused:
            call(message, timeout=10, metadata=[("authorization", f"Bearer {client.key('management')}")])
    assert "Model API disabled" in str(refused.value)


def test_request_above_the_limit_is_refused(client: Client) -> None:
    assert client.post("echo", b"x" * 1_100_000, {}).status == 413


def test_status_shows_the_wanted_workers_although_the_archive_says_one(
    server: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    status = server_status(server.options.state_dir)
    assert status.ready
    assert [each.device for each in status.workers] == ["cpu", "cpu"]
    assert all(each.memory_bytes > 2**20 for each in status.workers)
    assert serve.main(["status", "--state", str(server.options.state_dir)]) == Exit.DONE
    assert capsys.readouterr().out.count("READY") == 2


def test_second_start_is_refused(server: RunningServer, store: Path) -> None:
    with pytest.raises(LabError, match="already; stop it first"):
        start_server(replace(server.options, model_store=store))


def test_stop_ends_every_process(server: RunningServer) -> None:
    started = [server.pid, *(each.pid for each in server_status(server.options.state_dir).workers)]
    assert all(map(psutil.pid_exists, started))
    stop_server(server.options.state_dir)
    gone = [pid for pid in started if not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie"]
    assert gone == started
    assert not server_status(server.options.state_dir).running
    assert not server.temp_dir.exists()
    assert (server.logs / "model_log.log").is_file()


def test_failing_model_tells_its_reason(store: Path) -> None:
    wanted = ServerOptions(
        model_store=store,
        models=archives_named(["broken"]),
        ports=Ports.free(),
        state_dir=store.parent / "broken-state",
    )
    with pytest.raises(LabError, match="model broken did not load: clear reason"), serving(wanted, timeout_s=60):
        pytest.fail("a model that cannot load became ready")
    assert not server_status(wanted.state_dir).running
