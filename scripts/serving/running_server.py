"""A server that was started: how to find its processes, call it, and wait until its workers are ready."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psutil
from pydantic import TypeAdapter, ValidationError

from scripts.console.errors import LabError
from scripts.serving.client import Client
from scripts.serving.readiness import HealthProbe
from scripts.serving.server_options import LOOPBACK, ServerOptions
from scripts.serving.worker_log import last_lines, load_failure

POLL_S = 0.2
GPU_ID = re.compile(r"gpuId::(\d+)")


@dataclass(frozen=True, kw_only=True)
class WorkerStatus:
    """One worker process of one model."""

    model: str
    worker_id: str
    status: str
    """TorchServe's word for it: READY, LOADING or UNLOADING."""
    device: str
    """`cpu` or `cuda:N`, as TorchServe assigned it."""
    pid: int
    memory_bytes: int
    """Resident memory of the process, 0 when it is gone."""

    @classmethod
    def read(cls, model: str, worker: Mapping[str, Any]) -> Self:
        """The status from one entry of `workers` in a model's description."""
        pid = int(worker.get("pid", 0))
        gpu = GPU_ID.search(str(worker.get("gpuUsage", "")))
        return cls(
            model=model,
            worker_id=str(worker["id"]),
            status=str(worker["status"]),
            device=f"cuda:{gpu[1] if gpu else '?'}" if worker.get("gpu") else "cpu",
            pid=pid,
            memory_bytes=_resident_bytes(pid),
        )


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """What a server was told, and how to find its process again."""

    options: ServerOptions
    pid: int
    created: float
    """Start time of the process, so that a later process with the same number is not taken for it."""
    temp_dir: Path
    key_file: Path | None
    """TorchServe's keys, or None without token authorization."""

    @classmethod
    def load(cls, state_dir: Path) -> Self:
        """The server that was started with `state_dir`."""
        record = record_file(state_dir)
        try:
            return TypeAdapter(cls).validate_json(record.read_bytes())
        except FileNotFoundError as error:
            raise LabError(f"no server was started from {state_dir}; use python -m scripts.serve start") from error
        except ValidationError as error:
            raise LabError(f"{record} must be written by python -m scripts.serve start: {error}") from error

    def save(self) -> None:
        """Write `server.json` into the state directory."""
        record_file(self.options.state_dir).write_bytes(TypeAdapter(RunningServer).dump_json(self, indent=2))

    @property
    def logs(self) -> Path:
        """The folder of all logs."""
        return self.options.state_dir / "logs"

    def client(self, *, timeout_s: float = 120.0, retries: int = 0) -> Client:
        """A client for this server; see `Client` for the arguments."""
        ports = self.options.ports
        return Client(
            inference=f"http://{LOOPBACK}:{ports.inference}",
            management=f"http://{LOOPBACK}:{ports.management}",
            grpc_inference=f"{LOOPBACK}:{ports.grpc_inference}",
            key_file=self.key_file,
            timeout_s=timeout_s,
            retries=retries,
        )

    def not_ready(self, models: Sequence[str], *, timeout_s: float = 10.0) -> list[str]:
        """Why these models do not answer yet, one line each; see `HealthProbe`."""
        with self.client(timeout_s=timeout_s) as client:
            return HealthProbe(client=client, logs=self.logs).not_ready(models)

    def process(self) -> psutil.Process | None:
        """The server's own process, or None when it has ended."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < 1.0
            return process if same and still_runs(process) else None
        except psutil.NoSuchProcess:
            return None

    def workers(self, client: Client) -> list[WorkerStatus]:
        """All workers that TorchServe tells of; none for a model that it does not know."""
        descriptions = {model: client.describe(model, customized=False) or {} for model in self.options.models}
        return [
            WorkerStatus.read(model, worker)
            for model, description in descriptions.items()
            for worker in description.get("workers", [])
        ]

    def all_ready(self, workers: list[WorkerStatus]) -> bool:
        """Whether every model has its wanted number of workers and all are ready."""
        wanted = sorted(model for model in self.options.models for _ in range(self.options.workers))
        return (
            sorted(each.model for each in workers if each.status == "READY")
            == wanted
            == sorted(each.model for each in workers)
        )

    def wait_until_ready(self, timeout_s: float = 300.0) -> None:
        """Return when every model has its workers and answers a canary.

        Raises:
            LabError: with the reason, as soon as that cannot be.
        """
        deadline = time.monotonic() + timeout_s
        with self.client(timeout_s=10.0) as client:
            while not (self.answers(client) and self._settled(client)):
                self._refuse_failure()
                if time.monotonic() > deadline:
                    raise LabError(f"workers are not ready after {timeout_s:g} s; the logs are in {self.logs}")
                time.sleep(POLL_S)
            self._refuse_wrong_device(self.workers(client))
        reasons = self.not_ready(list(self.options.models), timeout_s=max(1.0, deadline - time.monotonic()))
        if reasons:
            raise LabError(f"workers are READY, and yet: {'; '.join(reasons)}; the logs are in {self.logs}")

    def answers(self, client: Client) -> bool:
        """Whether the API is open; TorchServe writes its keys before it listens."""
        return (self.key_file is None or self.key_file.is_file()) and client.is_up()

    def _settled(self, client: Client) -> bool:
        """Ask for the wanted number of workers where an archive sets another, and tell whether all are ready."""
        wanted = self.options.workers
        for model in self.options.models:
            description = client.describe(model, customized=False)
            if description is None:
                raise LabError(f"model {model} was not registered:\n{last_lines(self.logs / 'ts_log.log')}")
            if (description["minWorkers"], description["maxWorkers"]) != (wanted, wanted):
                client.scale(model, wanted)
        return self.all_ready(self.workers(client))

    def _refuse_failure(self) -> None:
        if self.process() is None:
            raise LabError(f"TorchServe ended while it started:\n{last_lines(self.logs / 'console.log')}")
        log = self.logs / "model_log.log"
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        for model in self.options.models:
            reason = load_failure(text, model=model)
            if reason:
                raise LabError(f"model {model} did not load: {reason}\nthe worker log is {log}")

    def _refuse_wrong_device(self, workers: list[WorkerStatus]) -> None:
        wrong = [each.worker_id for each in workers if each.device == "cpu"]
        if self.options.device == "gpu" and wrong:
            raise LabError(f"device must be gpu, but workers {wrong} got the CPU; does nvidia-smi list a device?")


def record_file(state_dir: Path) -> Path:
    """Where a server's record lies."""
    return state_dir / "server.json"


def still_runs(process: psutil.Process) -> bool:
    """Whether a process has not ended; one that nobody has collected yet has."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _resident_bytes(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid > 0 else 0
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
