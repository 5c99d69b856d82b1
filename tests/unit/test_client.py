import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts import predict
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.serving.access_keys import read_key
from scripts.serving.client import Client, HttpReply, is_error
from scripts.serving.grpc_predictions import inference_messages
from scripts.serving.server_options import Ports
from tests.unit.test_reply_view import EXPLAINED, REFUSED, TEXT


class FakeServer(BaseHTTPRequestHandler):
    """Answers like TorchServe where the client depends on it, and notes what it was asked."""

    asked: list[tuple[str, str, dict[str, str], bytes]]
    key_file: Path

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.asked.append((self.command, self.path, dict(self.headers), body))
        status, document = self.reply()
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = answer  # noqa: N815

    def reply(self) -> tuple[int, Any]:
        if self.path.startswith("/token"):
            write_keys(self.key_file, inference="renewed", minutes=60)
            return 200, {}
        model = self.path.partition("?")[0].rpartition("/")[2]
        replies = {
            "refusing": (422, REFUSED),
            "blocking": (422, [REFUSED, REFUSED]),
            "blocking-instances": (422, {"predictions": [REFUSED]}),
            "locked": (400, {"code": 400, "type": "InvalidKeyException", "message": "Token failed"}),
            "dying": (507, {"code": 507, "type": "InternalServerException", "message": "Worker died."}),
            "html": (200, b"<p>"),
            "absent": (404, {"code": 404, "type": "ModelNotFoundException", "message": "Model not found: absent"}),
            "described": (200, [{"modelName": "described"}]),
        }
        return replies.get(model, (200, EXPLAINED))

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""


def write_keys(path: Path, *, inference: str, minutes: int) -> None:
    until = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    keys = {purpose: {"key": inference, "expiration time": until} for purpose in ("inference", "management")}
    path.write_text(json.dumps({**keys, "API": {"key": "root"}}))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key_file.json"
    write_keys(path, inference="first", minutes=60)
    return path


@pytest.fixture
def fake(key_file: Path) -> Iterator[ThreadingHTTPServer]:
    handler = type("Fake", (FakeServer,), {"asked": [], "key_file": key_file})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(fake: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{fake.server_address[1]}"


def asked(fake: ThreadingHTTPServer) -> list[tuple[str, str, dict[str, str], bytes]]:
    requests: list[tuple[str, str, dict[str, str], bytes]] = fake.RequestHandlerClass.asked  # type: ignore[attr-defined]
    return requests


@pytest.fixture
def client(fake: ThreadingHTTPServer, key_file: Path) -> Iterator[Client]:
    with Client(inference=address(fake), management=address(fake), key_file=key_file, timeout_s=10) as client:
        yield client


def test_predict_sends_json_with_the_inference_key(client: Client, fake: ThreadingHTTPServer) -> None:
    assert client.predict("guard", {"text": "é"}) == EXPLAINED
    method, path, headers, body = asked(fake)[-1]
    assert (method, path, headers["Authorization"]) == ("POST", "/predictions/guard", "Bearer first")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"text": "é"}


def test_explain_calls_the_other_endpoint(client: Client, fake: ThreadingHTTPServer) -> None:
    client.predict("a/b", {"text": "x"}, explain=True)
    assert asked(fake)[-1][1] == "/explanations/a%2Fb"


def test_post_returns_the_answer_as_it_came(client: Client) -> None:
    reply = client.post("html", b"\xff", {"Content-Type": "text/plain"})
    assert (reply.status, reply.body) == (200, b"<p>")
    with pytest.raises(LabError, match="reply must be JSON, got 3 other bytes with status 200"):
        reply.document()


def test_refusals_have_one_form(client: Client) -> None:
    assert client.predict("refusing", {}) == REFUSED
    locked = client.predict("locked", {})
    assert is_error(locked)
    assert locked["error"] == {"code": 400, "type": "InvalidKeyException", "message": "Token failed"}
    assert not is_error(EXPLAINED)
    assert client.predict("blocking", {}) == [REFUSED, REFUSED]
    assert client.predict("blocking-instances", {}) == {"predictions": [REFUSED]}


def test_a_worker_that_died_is_asked_for_again(client: Client, fake: ThreadingHTTPServer) -> None:
    assert is_error(client.predict("dying", {}))
    assert len(asked(fake)) == 1
    client.retries = 1
    assert client.predict("dying", {})["error"]["code"] == 507
    assert len(asked(fake)) == 3


def test_describe_tells_an_unknown_model_from_a_known_one(client: Client, fake: ThreadingHTTPServer) -> None:
    assert client.describe("described") == {"modelName": "described"}
    assert asked(fake)[-1][1] == "/models/described?customized=true"
    assert client.describe("absent") is None
    with pytest.raises(LabError, match=r"refused: description of model locked \(status 400: Token failed\)"):
        client.describe("locked")


def test_scale_asks_for_exactly_that_many(client: Client, fake: ThreadingHTTPServer) -> None:
    client.scale("guard", 3)
    assert asked(fake)[-1][:2] == ("PUT", "/models/guard?min_worker=3&max_worker=3&synchronous=false")


def test_expired_key_is_renewed_with_the_api_key(client: Client, fake: ThreadingHTTPServer, key_file: Path) -> None:
    write_keys(key_file, inference="old", minutes=-1)
    client.predict("guard", {})
    (_, renewal, api, _), (_, _, used, _) = asked(fake)
    assert (renewal, api["Authorization"]) == ("/token?type=inference", "Bearer root")
    assert used["Authorization"] == "Bearer renewed"


def test_without_keys_no_header_is_sent(fake: ThreadingHTTPServer) -> None:
    with Client(inference=address(fake)) as client:
        client.predict("guard", {})
        assert "Authorization" not in asked(fake)[-1][2]
        with pytest.raises(LabError, match="only with token authorization"):
            client.renew("inference")


def test_unreachable_server_is_an_error_that_says_what_to_do() -> None:
    port = Ports.free().inference
    with Client(inference=f"http://127.0.0.1:{port}", timeout_s=2) as client:
        assert not client.is_up()
        with pytest.raises(LabError, match=r"no answer from .*scripts\.serve status"):
            client.predict("guard", {})


def test_missing_and_broken_key_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no key file"):
        read_key(tmp_path / "none.json", "inference")
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(LabError, match="no readable management key"):
        read_key(tmp_path / "keys.json", "management")


def test_torchserve_writes_nanoseconds(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text('{"inference": {"key": "k", "expiration time": "2026-11-21T01:00:20.596872829Z"}}')
    key = read_key(path, "inference")
    assert not key.expired(now=datetime(2026, 11, 21, 1, 0, 20, tzinfo=UTC))
    assert key.expired(now=datetime(2026, 11, 21, 1, 0, 21, tzinfo=UTC))


def test_grpc_messages_come_from_the_installed_server() -> None:
    request, response = inference_messages()
    sent = request(model_name="guard", input={"text": b"\xff"})
    assert request.FromString(sent.SerializeToString()) == sent
    assert response().prediction == b""


def test_reply_reads_json() -> None:
    assert HttpReply(status=200, headers={}, body=b"[1]").document() == [1]


def test_predict_command_prints_json_lines(fake: ThreadingHTTPServer, capsys: pytest.CaptureFixture[str]) -> None:
    code = predict.main(["--model", "guard", "--address", address(fake), "--json", "one", "two"])
    assert code == Exit.DONE
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [EXPLAINED, EXPLAINED]


def test_predict_command_explains(
    fake: ThreadingHTTPServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text(f"{TEXT}\n\n", encoding="utf-8")
    code = predict.main(["--model", "guard", "--address", address(fake), "--explain", "--file", str(texts)])
    assert code == Exit.DONE
    assert "[c\\u200bf]" in capsys.readouterr().out
    assert len(asked(fake)) == 1


def test_predict_command_fails_when_a_text_was_refused(
    fake: ThreadingHTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict.main(["--model", "refusing", "--address", address(fake), "one"]) == Exit.ERROR
    assert "error 422" in capsys.readouterr().out
    assert predict.main(["--model", "described", "--address", address(fake), "one"]) == Exit.ERROR
    assert "must reply with a JSON object, got a list" in capsys.readouterr().err
