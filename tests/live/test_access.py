"""Who may call what of a real server: keys that are missing, wrong, another's or expired; and what is on which port."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from scripts.serving import server as servers
from scripts.serving.access_keys import AccessKey, Purpose, read_key
from scripts.serving.client import Client
from scripts.serving.grpc_predictions import open_channel
from scripts.serving.running_server import RunningServer
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from tests.live.test_server import ECHO, pack

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
KEY_MINUTES = 0.1
"""TorchServe takes fractions; six seconds are enough to use a key, and soon over."""
CALLS = [
    ("GET", "/ping"),
    ("POST", "/predictions/echo"),
    ("POST", "/predictions/echo/1.0"),
    ("GET", "/predictions/echo"),
    ("POST", "/explanations/echo"),
    ("GET", "/explanations/echo"),
    ("POST", "/models/echo/invoke"),
    ("POST", "/echo/predict"),
    ("POST", "/invocations?model_name=echo"),
    ("POST", "/v1/models/echo:predict"),
    ("POST", "/v2/models/echo/infer"),
]
MANAGEMENT = [
    ("GET", "/models"),
    ("GET", "/models/echo"),
    ("GET", "/models/echo?customized=true"),
    ("POST", "/models?url=file:///tmp/x.mar"),
    ("PUT", "/models/echo?min_worker=3"),
    ("PUT", "/models/echo/1.0/set-default"),
    ("DELETE", "/models/echo/1.0"),
    ("GET", "/token?type=inference"),
    ("GET", "/token?type=management"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The hardened profile, but that its keys expire within seconds."""
    folder = tmp_path_factory.mktemp("access")
    (folder / "store").mkdir()
    pack(folder / "store", "echo", ECHO, config="minWorkers: 1\nmaxWorkers: 1\n")
    profile = servers.PROFILES["hardened"].read_text(encoding="utf-8")
    shortened, n_changed = re.subn(r"(?m)^token_expiration_min=.*$", f"token_expiration_min={KEY_MINUTES}", profile)
    assert n_changed == 1
    (folder / "short.properties").write_text(shortened, encoding="utf-8")
    options = ServerOptions(
        model_store=folder / "store", models=archives_named(["echo"]), ports=Ports.free(), state_dir=folder / "state"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(servers.PROFILES, "hardened", folder / "short.properties")  # type: ignore[arg-type]
        with servers.serving(options, timeout_s=90) as server:
            yield server


def fresh(server: RunningServer, purpose: Purpose) -> AccessKey:
    """A key that is valid for some seconds."""
    with server.client(timeout_s=20) as client:
        client.renew(purpose)
    return read_key(key_file(server), purpose)


def key_file(server: RunningServer) -> Path:
    assert server.key_file is not None
    return server.key_file


def call(port: int, method: str, path: str, key: str | None) -> requests.Response:
    headers = {"Content-Type": "application/json"} | ({} if key is None else {"Authorization": f"Bearer {key}"})
    return requests.request(
        method, f"http://127.0.0.1:{port}{path}", data=b'{"text": "x"}', headers=headers, timeout=20
    )


def grpc_error(server: RunningServer, key: str | None) -> str | None:
    """What a call by gRPC is refused with."""

    class WithKey(Client):
        def key(self, purpose: Purpose) -> str | None:
            return key

    with WithKey(grpc_inference=f"127.0.0.1:{server.options.ports.grpc_inference}") as client:
        document = client.predict_grpc("echo", {"text": b"x"})
    return str(document["error"]["type"]) if "error" in document else None


def test_keys_are_for_their_owner_alone(server: RunningServer) -> None:
    assert key_file(server).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_nobody_gets_in_without_the_key(server: RunningServer, method: str, path: str) -> None:
    inference, management = fresh(server, "inference").key, fresh(server, "management").key
    api = read_key(key_file(server), "API").key
    port = server.options.ports.inference
    for key in (None, "", "wrong", inference[:-1], f"{inference}x", inference.swapcase(), management, api):
        refused = call(port, method, path, key)
        assert (refused.status_code, refused.json()["type"]) == (400, "InvalidKeyException")
    assert call(port, method, path, inference).status_code == 200


def test_nobody_gets_in_by_grpc_without_the_key(server: RunningServer) -> None:
    inference, management = fresh(server, "inference").key, fresh(server, "management").key
    for key in (None, "wrong", management, f"{inference}x"):
        assert grpc_error(server, key) == "grpc PERMISSION_DENIED"
    assert grpc_error(server, inference) is None


def test_an_expired_key_is_refused_until_it_is_renewed(server: RunningServer) -> None:
    port, old = server.options.ports.inference, fresh(server, "inference")
    assert old.expires is not None
    assert call(port, "POST", "/predictions/echo", old.key).status_code == 200
    time.sleep(max(0.0, (old.expires - datetime.now(UTC)).total_seconds()) + 0.2)
    expired = call(port, "POST", "/predictions/echo", old.key)
    assert (expired.status_code, expired.json()["type"]) == (400, "InvalidKeyException")
    assert grpc_error(server, old.key) == "grpc PERMISSION_DENIED"
    new = fresh(server, "inference").key
    assert call(port, "POST", "/predictions/echo", new).status_code == 200
    assert call(port, "POST", "/predictions/echo", old.key).status_code == 400


def test_a_renewed_key_ends_the_old_one_at_once(server: RunningServer) -> None:
    """What to do when a key got into wrong hands."""
    port, old, new = server.options.ports.inference, fresh(server, "inference"), fresh(server, "inference")
    assert old.key != new.key
    assert call(port, "POST", "/predictions/echo", old.key).status_code == 400
    assert call(port, "POST", "/predictions/echo", new.key).status_code == 200


@pytest.mark.parametrize(("method", "path"), MANAGEMENT)
def test_management_is_not_behind_the_other_ports(server: RunningServer, method: str, path: str) -> None:
    """Whoever reaches the inference port, whatever key he has, can neither see nor change models."""
    ports, kept = server.options.ports, key_file(server).read_text()
    keys = [read_key(key_file(server), purpose).key for purpose in ("inference", "management", "API")]  # type: ignore[arg-type]
    for port in (ports.inference, ports.metrics):
        for key in keys:
            assert call(port, method, path, key).status_code in (400, 404, 405)
    assert key_file(server).read_text() == kept


@pytest.mark.parametrize(("method", "path"), MANAGEMENT)
def test_management_wants_its_own_key(server: RunningServer, method: str, path: str) -> None:
    inference, management = fresh(server, "inference").key, fresh(server, "management").key
    wanted = "management" if path.startswith("/models") else "API"
    for key in (None, "wrong", inference, *([management] if wanted == "API" else [])):
        refused = call(server.options.ports.management, method, path, key)
        assert refused.status_code in (400, 405)  # 405: whoever asks, this is switched off
    described = call(server.options.ports.management, "GET", "/models/echo", management)
    assert described.status_code == 200
    (description,) = described.json()
    assert description["maxWorkers"] == 1


def test_management_by_grpc_is_not_behind_the_inference_port(server: RunningServer) -> None:
    """The method does not exist there; with a valid key, so that it is not the key that is refused."""
    import grpc

    key = fresh(server, "inference").key
    with open_channel(f"127.0.0.1:{server.options.ports.grpc_inference}", timeout_s=10) as channel:
        method = "/org.pytorch.serve.grpc.management.ManagementAPIsService/ListModels"
        with pytest.raises(grpc.RpcError) as refused:
            channel.unary_unary(method)(b"", metadata=[("authorization", f"Bearer {key}")], timeout=10)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
