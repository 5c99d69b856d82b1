"""Clients that ask a server as fast as it answers, and what they saw."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count

import numpy as np

from handler.xgraad.errors import LabError
from scripts.lab.client import Client, is_error
from scripts.lab.running_server import RunningServer

TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Load:
    """One model under the load of so many clients."""

    model: str
    n_clients: int
    n_requests: int
    """Answered well."""
    n_errors: int
    seconds: float
    requests_per_s: float
    p50_s: float
    """Latency that half of the answers stay below; 0 where there was none."""
    p95_s: float
    p99_s: float


@dataclass(frozen=True, kw_only=True)
class LoadLimits:
    """When the clients stop: whatever comes first."""

    seconds: float
    n_requests: int


def put_load(server: RunningServer, model: str, texts: Sequence[str], *, n_clients: int, limits: LoadLimits) -> Load:
    """Let `n_clients` ask for `model` at once, one text a request, each waiting for its answer before it asks again."""
    start = time.perf_counter()
    numbers = count()  # next() of it is one step of the interpreter, so no two clients get the same number

    def ask() -> list[tuple[float, bool]]:
        seen = []
        with server.client(timeout_s=TIMEOUT_S) as client:
            while time.perf_counter() - start < limits.seconds and (number := next(numbers)) < limits.n_requests:
                seen.append(_ask_once(client, model, texts[number % len(texts)]))
        return seen

    with ThreadPoolExecutor(n_clients) as pool:
        futures = [pool.submit(ask) for _ in range(n_clients)]
        seen = [each for future in futures for each in future.result()]
    return summary(model, seen, n_clients=n_clients, seconds=time.perf_counter() - start)


def summary(model: str, seen: Sequence[tuple[float, bool]], *, n_clients: int, seconds: float) -> Load:
    """Figures of answers, each with its latency in seconds and whether it was a good one."""
    latencies = [latency for latency, is_good in seen if is_good]
    p50, p95, p99 = np.percentile(latencies, (50, 95, 99)).tolist() if latencies else (0.0, 0.0, 0.0)
    return Load(
        model=model,
        n_clients=n_clients,
        n_requests=len(latencies),
        n_errors=len(seen) - len(latencies),
        seconds=seconds,
        requests_per_s=len(latencies) / seconds,
        p50_s=p50,
        p95_s=p95,
        p99_s=p99,
    )


def _ask_once(client: Client, model: str, text: str) -> tuple[float, bool]:
    start = time.perf_counter()
    try:
        is_good = not is_error(client.predict(model, {"text": text}))
    except LabError:
        is_good = False
    return time.perf_counter() - start, is_good
