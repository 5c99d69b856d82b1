"""Readiness means workers and an answer, not a /ping."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from scripts import check_ready
from scripts.console.command_line import Exit
from scripts.serving.client import Client
from scripts.serving.readiness import HealthProbe

READY = [{"status": "READY"}, {"status": "READY"}]
Replies = dict[str, tuple[int, Any]]


class Fake:
    """A server that says what it is told to, and remembers who asked how."""

    def __init__(self) -> None:
        self.replies: Replies = {
            "/ping": (200, {"status": "Healthy"}),
            "/models?limit=100": (200, {"models": [{"modelName": "toy"}]}),
            "/models/toy": (200, [{"minWorkers": 2, "workers": READY}]),
            "/predictions/toy": (200, {"label": "good"}),
        }
        self.asked: list[tuple[str, str | None, bytes]] = []
        self.on_token: Callable[[], None] = lambda: None
        self.url = ""

    def answer(self, path: str, key: str | None, body: bytes) -> tuple[int, bytes]:
        self.asked.append((path, key, body))
        if path.startswith("/token"):
            self.on_token()
            return 200, b"{}"
        status, document = self.replies.get(path, (404, {"code": 404}))
        return status, document if isinstance(document, bytes) else json.dumps(document).encode()


@pytest.fixture
def fake() -> Iterator[Fake]:
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, content = fake.answer(self.path, self.headers.get("Authorization"), body)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        fake.url = f"http://127.0.0.1:{server.server_port}"
        yield fake
        server.shutdown()
        thread.join()


def probe(fake: Fake, key_file: Path | None = None) -> HealthProbe:
    return HealthProbe(client=Client(inference=fake.url, management=fake.url, key_file=key_file, timeout_s=5))


def test_ready_is_workers_and_an_answer(fake: Fake) -> None:
    assert probe(fake).not_ready() == []
    assert [path for path, *_ in fake.asked] == ["/models?limit=100", "/models/toy", "/predictions/toy"]
    assert json.loads(fake.asked[-1][2]) == {"text": "a canary in a mine"}


@pytest.mark.parametrize(
    ("path", "reply", "reason"),
    [
        ("/models?limit=100", (200, {"models": []}), "no model is registered"),
        ("/models/toy", (404, {}), "toy: no description, status 404"),
        ("/models/toy", (200, [{"minWorkers": 2, "workers": READY[:1]}]), "toy: 1 of 2 workers READY"),
        ("/models/toy", (200, [{"minWorkers": 0, "workers": []}]), "toy: 0 of 0 workers READY"),
        (
            "/models/toy",
            (200, [{"minWorkers": 2, "workers": [*READY, {"status": "UNLOADING"}]}]),
            "toy: 2 of 2 workers READY",
        ),
        ("/predictions/toy", (503, {"code": 503}), "toy: canary not answered, status 503"),
        ("/predictions/toy", (500, b"no JSON"), "toy: canary not answered, status 500"),
        ("/predictions/toy", (422, {"error": {"type": "empty"}}), "toy: canary not answered, status 422"),
    ],
)
def test_what_is_missing_is_named(fake: Fake, path: str, reply: tuple[int, Any], reason: str) -> None:
    fake.replies[path] = reply
    assert probe(fake).not_ready() == [reason]
    assert probe(fake).is_alive() is None  # which /ping would not have told


def test_the_log_tells_why_a_model_does_not_load(fake: Fake, tmp_path: Path) -> None:
    fake.replies["/models/toy"] = (200, [{"minWorkers": 2, "workers": [{"status": "UNLOADING"}]}])
    prefix = "2026-01-01T00:00:00,000 [INFO ] W-9000-toy_1.0-stdout MODEL_LOG - "
    failed = "Failed to load model toy, exception SelfTestError: parameters: not finite"
    lines = [failed.replace("not finite", "old"), "Traceback (most recent call last):", failed]
    (tmp_path / "model_log.log").write_text("".join(f"{prefix}{line}\n" for line in lines))
    told = replace(probe(fake), logs=tmp_path).not_ready()
    assert told == ["toy: 0 of 2 workers READY: SelfTestError: parameters: not finite"]
    assert replace(probe(fake), logs=tmp_path / "absent").not_ready() == ["toy: 0 of 2 workers READY"]


def test_a_canary_that_is_blocked_was_judged(fake: Fake) -> None:
    fake.replies["/predictions/toy"] = (422, {"status": "error", "error": {"type": "trigger_blocked"}})
    assert probe(fake).not_ready(["toy"]) == []


def test_an_expired_key_is_renewed(fake: Fake, tmp_path: Path) -> None:
    path = tmp_path / "key_file.json"

    def write(key: str, minutes: int) -> None:
        expires = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
        entry = {"key": key, "expiration time": expires}
        path.write_text(json.dumps({"inference": entry, "management": entry, "API": {"key": "master"}}))

    write("old", -1)
    fake.on_token = lambda: write("new", 60)
    assert probe(fake, path).is_alive() is None
    assert [(asked, key) for asked, key, _ in fake.asked] == [
        ("/token?type=inference", "Bearer master"),
        ("/ping", "Bearer new"),
    ]


def test_the_command_tells_by_its_exit_code(
    fake: Fake, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XGRAAD_INFERENCE", fake.url)
    monkeypatch.setenv("XGRAAD_MANAGEMENT", fake.url)
    assert check_ready.main([]) == Exit.DONE
    fake.replies["/predictions/toy"] = (503, {})
    assert check_ready.main([]) == Exit.BELOW_TARGET
    assert "not ready: toy: canary not answered" in capsys.readouterr().out
    assert check_ready.main(["--alive"]) == Exit.DONE
    nowhere = ["--inference", "http://127.0.0.1:9", "--management", "http://127.0.0.1:9", "--timeout", "2"]
    assert check_ready.main(nowhere) == Exit.BELOW_TARGET
    assert check_ready.main([*nowhere, "--alive"]) == Exit.BELOW_TARGET
    with pytest.raises(SystemExit) as left:
        check_ready.main(["--inference", "file:///etc/passwd"])
    assert left.value.code == Exit.USAGE


def test_only_http_is_spoken(fake: Fake) -> None:
    with Client(inference="file:///etc", management=fake.url) as client:
        assert HealthProbe(client=client).is_alive() == "/ping: status 0"


def test_keys_that_cannot_be_read_are_no_reason_to_fail(fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "key_file.json").write_text("{}")
    assert probe(fake, tmp_path / "key_file.json").is_alive() == "/ping: status 0"
    assert probe(fake, tmp_path / "none.json").not_ready(["toy"]) == ["toy: no description, status 0"]
    assert fake.asked == []


def test_a_probe_imports_nothing_that_takes_time() -> None:
    heavy = ("torch", "numpy", "grpc", "pydantic", "handler.xgraad")
    code = f"import sys, scripts.check_ready; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
