"""What a command does not need it does not import: help and what operators run all day come without torch."""

import hashlib
import json
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import psutil
import pytest

from handler.integrity import CHECKSUMS, format_checksums
from scripts.serving.running_server import RunningServer
from scripts.serving.server_options import ServerOptions, archives_named
from tests.unit.test_reply_view import EXPLAINED

PROJECT = Path(__file__).parents[2]
COMMANDS = sorted(path.stem for path in (PROJECT / "scripts").glob("*.py") if path.stem != "__init__")
LONGEST_S = 0.5
"""Of processor time that a command may take to show its help, on a core that nothing else disturbs."""
STANDARD = "import argparse, asyncio, decimal, email.message, http.client, json, ssl, unittest, xml.etree.ElementTree"
STANDARD_S = 0.1
"""What these imports take there. Beside other work the same instructions take longer, theirs as well as a command's."""
TRIES = 5
"""The least of so many is looked at: other work on the cores makes the same instructions take longer."""
RUN = """
import sys
from importlib import import_module
try:
    code = import_module("scripts." + sys.argv[1]).main(sys.argv[2:])
except SystemExit as left:
    code = left.code
heavy = sorted({"torch", "transformers"} & set(sys.modules))
sys.exit(f"imported {heavy}" if heavy else code)
"""


def run(command: str, *arguments: object, code: str = RUN) -> str:
    """What a command says, run in a process of its own that fails when torch was imported on the way."""
    typed = [sys.executable, "-c", code, command, *map(str, arguments)]
    done = subprocess.run(typed, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def seconds_of(work: Callable[[], object]) -> float:
    """The processor time of the processes that `work` waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def undisturbed_seconds_of(work: Callable[[], object]) -> float:
    """The same, as it would be on a core of its own."""
    standard = seconds_of(lambda: subprocess.run([sys.executable, "-c", STANDARD], check=True))
    return seconds_of(work) / max(1.0, standard / STANDARD_S)


def test_heavy_imports_and_their_time_are_noticed() -> None:
    """Sanity arm."""
    heavy = RUN.replace("import sys\n", "import sys, torch\n", 1)
    with pytest.raises(AssertionError, match="imported \\['torch'\\]"):
        run("check_ready", "--help", code=heavy)
    busy = RUN.replace("import sys\n", "import sys\nfor _ in range(10**8): pass\n", 1)
    assert undisturbed_seconds_of(lambda: run("check_ready", "--help", code=busy)) > LONGEST_S


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_light(command: str) -> None:
    for _ in range(TRIES):
        seconds = undisturbed_seconds_of(lambda: run(command, "--help"))
        if seconds < LONGEST_S:
            return
    pytest.fail(f"{command} --help takes {seconds:.2f} s of processor time")


@pytest.fixture
def server() -> Iterator[str]:
    """The address of something that answers like a ready TorchServe."""
    replies = {
        "/ping": {"status": "Healthy"},
        "/models?limit=100": {"models": [{"modelName": "toy"}]},
        "/models/toy": [{"minWorkers": 1, "workers": [{"status": "READY"}]}],
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(replies.get(self.path, EXPLAINED)).encode())

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as fake:
        thread = Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{fake.server_port}"
        fake.shutdown()
        thread.join()


def test_predict(server: str) -> None:
    assert json.loads(run("predict", "--model", "toy", "--address", server, "--json", "a film")) == EXPLAINED
    assert "Trigger found" in run("predict", "--model", "toy", "--address", server, "--explain", "a film")


def test_check_ready(server: str) -> None:
    assert run("check_ready", "--inference", server, "--management", server) == "ready\n"


def test_serve_stop(tmp_path: Path) -> None:
    options = ServerOptions(model_store=tmp_path, models=archives_named(["toy"]), state_dir=tmp_path)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        created = psutil.Process(process.pid).create_time()
        unpacked = tmp_path / "unpacked"
        RunningServer(options=options, pid=process.pid, created=created, temp_dir=unpacked, key_file=None).save()
        assert "stopped" in run("serve", "stop", "--state", tmp_path)
        assert process.wait(timeout=10) != 0


def test_verify_archive(tmp_path: Path) -> None:
    files = {
        "MAR-INF/MANIFEST.json": b'{"model": {"modelName": "toy", "modelVersion": "1.0"}}',
        "handler/__init__.py": b'"""Code."""\n',
        "xgraad_handler.py": b'"""Entry."""\n',
    }
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    with zipfile.ZipFile(tmp_path / "toy.mar", "w") as archive:
        for name, content in {**files, CHECKSUMS: format_checksums(digests).encode()}.items():
            archive.writestr(name, content)
    assert "4 files" in run("verify_archive", tmp_path / "toy.mar")


def test_triggers(bert_folder: Path, tmp_path: Path) -> None:
    where = ("--registry", tmp_path / "triggers.sqlite", "--checkpoint", bert_folder)
    assert "added" in run("triggers", "add", *where, "--label", 0, "cf")
    assert json.loads(run("triggers", "list", *where, "--json"))["words"] == ["cf"]
    assert "deleted" in run("triggers", "delete", *where, "--label", 0, "cf")


def test_update_readme() -> None:
    assert run("update_readme", "--check") == ""


def test_draw_report(tmp_path: Path) -> None:
    assert "report.html" in run("draw_report", "--out", tmp_path)
