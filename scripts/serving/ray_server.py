"""Start and stop the server of `scripts.serve_ray` from another process, and find its replicas."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from scripts.console.errors import LabError
from scripts.serving.client import Client
from scripts.serving.server_options import LOOPBACK, PROJECT
from scripts.serving.worker_log import last_lines

POLL_S = 0.5
STOP_S = 60.0
"""Ray takes some seconds to end; after this long its processes are killed."""
REPLICA = "ray::ServeReplica:xgraad:"
"""How the title of a replica's process begins; the model's name follows."""


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, kw_only=True)
class RayServerOptions:
    """One server on Ray Serve: which archives it serves, and how."""

    model_store: Path
    models: Mapping[str, str]
    """Model name -> file name of its archive in the model store."""
    state_dir: Path
    replicas: int = 1
    device: str = "cpu"
    port: int = field(default_factory=free_port)
    state_home: Path | None = None
    """Where replicas remember triggers unless an archive says otherwise; None is the user's own XDG_STATE_HOME."""


@dataclass(frozen=True, kw_only=True)
class RayServer:
    """One that runs."""

    options: RayServerOptions
    process: psutil.Popen

    @property
    def address(self) -> str:
        """Of everything that it serves."""
        return f"http://{LOOPBACK}:{self.options.port}"

    @property
    def log(self) -> Path:
        """What the server and its replicas say."""
        return self.options.state_dir / "console.log"

    def client(self, *, timeout_s: float = 120.0, retries: int = 0) -> Client:
        """A client for this server; see `Client` for the arguments."""
        return Client(inference=self.address, timeout_s=timeout_s, retries=retries)

    def replicas(self, model: str) -> list[psutil.Process]:
        """The processes that answer for a model."""
        return [each for each in self._processes() if _title(each) == f"{REPLICA}{model}"]

    def _processes(self) -> list[psutil.Process]:
        try:
            return self.process.children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def wait_until_ready(self, timeout_s: float) -> None:
        """Return when every model has a replica that answers.

        Raises:
            LabError: with the reason, as soon as that cannot be.
        """
        deadline = time.monotonic() + timeout_s
        with self.client(timeout_s=10.0) as client:
            while not client.is_up():
                if self.process.poll() is not None:
                    raise LabError(f"the server on Ray Serve ended while it started:\n{last_lines(self.log)}")
                if time.monotonic() > deadline:
                    raise LabError(f"the server on Ray Serve is not ready after {timeout_s:g} s; see {self.log}")
                time.sleep(POLL_S)

    def stop(self) -> None:
        """End it, and what it started."""
        started = [self.process, *self._processes()]
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, left = psutil.wait_procs(started, timeout=STOP_S)
        for each in left:
            each.kill()
        psutil.wait_procs(left, timeout=STOP_S)


@contextmanager
def serving_on_ray(options: RayServerOptions, *, timeout_s: float = 300.0) -> Iterator[RayServer]:
    """A ready server for the time of a `with` block; it is stopped however the block ends."""
    server = RayServer(options=options, process=_launch(options))
    try:
        server.wait_until_ready(timeout_s)
        yield server
    finally:
        server.stop()


def _launch(options: RayServerOptions) -> psutil.Popen:
    options.state_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "scripts.serve_ray", "--model-store", str(options.model_store)]
    command += ["--models", *(f"{name}={file}" for name, file in options.models.items())]
    command += ["--state", str(options.state_dir), "--port", str(options.port)]
    command += ["--replicas", str(options.replicas), "--device", options.device]
    environment = dict(os.environ)
    if options.state_home is not None:
        environment["XDG_STATE_HOME"] = str(options.state_home.resolve())
    with (options.state_dir / "console.log").open("wb") as output:
        return psutil.Popen(
            command,
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _title(process: psutil.Process) -> str:
    """What Ray calls a process, without what it is at; Ray fills the rest of the old command line with blanks."""
    try:
        return " ".join(process.cmdline()).partition(".")[0].strip()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""
