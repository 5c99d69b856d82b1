"""Clients that ask a server as fast as it answers, and what they saw."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from scripts.console.errors import LabError
from scripts.serving.client import Client, is_error
from scripts.serving.pair_documents import fields_of_text, of_whole

TIMEOUT_S = 60.0
NO_ANSWER = "no answer"

IsRight = Callable[[str, Any], bool]
"""Whether a document is the right answer for a text."""


class AskedServer(Protocol):
    """Any that answers over HTTP."""

    def client(self, *, timeout_s: float, retries: int = 0) -> Client:
        """See `Client` for the arguments."""
        ...


class Asked(NamedTuple):
    """One request, and what came of it."""

    start: float
    """s, of `time.perf_counter`."""
    seconds: float
    """Until the answer."""
    error: str | None
    """Code and type of the error, or `NO_ANSWER`; None for an answer."""
    is_right: bool
    """Whether an answer is what it must be; true for errors, which say nothing wrong."""

    @property
    def end(self) -> float:
        """s, of `time.perf_counter`."""
        return self.start + self.seconds


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


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Clients at work."""

    seen: list[Asked]
    """Grows; in the order of the answers."""
    clients: Sequence[Future[None]]

    def wait(self) -> None:
        """Until every client has met a limit."""
        for client in self.clients:
            client.result()

    @property
    def answered(self) -> list[Asked]:
        """Those with an answer, right or wrong."""
        return [asked for asked in list(self.seen) if asked.error is None]

    @property
    def gap_s(self) -> float:
        """The longest time in which nobody got an answer, between the first answer and the last."""
        ends = sorted(asked.end for asked in self.answered)
        return max((later - earlier for earlier, later in pairwise(ends)), default=0.0)

    @property
    def longest_s(self) -> float:
        """The longest that a client waited, for whatever came."""
        return max((asked.seconds for asked in list(self.seen)), default=0.0)

    @property
    def n_wrong(self) -> int:
        """Answers that are not what they must be."""
        return sum(not asked.is_right for asked in list(self.seen))

    @property
    def errors(self) -> Counter[str]:
        """How often which error came."""
        return Counter(asked.error for asked in list(self.seen) if asked.error is not None)


@contextmanager
def crowd(
    server: AskedServer,
    model: str,
    texts: Sequence[str],
    *,
    n_clients: int,
    limits: LoadLimits,
    is_right: IsRight = lambda _text, _document: True,
    timeout_s: float = TIMEOUT_S,
    retries: int = 0,
) -> Iterator[Crowd]:
    """Clients that ask for `model` at once, while the block runs and no limit is met.

    Each sends one text a request and waits for its answer before it asks again; so when the block ends, every request
    that was sent has its answer, or its error.
    """
    start, over, seen = time.perf_counter(), threading.Event(), list[Asked]()
    numbers = count()  # next() of it is one step of the interpreter, so no two clients get the same number

    def is_on() -> bool:
        return not over.is_set() and time.perf_counter() - start < limits.seconds

    def ask() -> None:
        with server.client(timeout_s=timeout_s, retries=retries) as client:
            while is_on() and (number := next(numbers)) < limits.n_requests:
                seen.append(_ask_once(client, model, texts[number % len(texts)], is_right))

    with ThreadPoolExecutor(n_clients) as pool:
        found = Crowd(seen=seen, clients=[pool.submit(ask) for _ in range(n_clients)])
        try:
            yield found
        finally:
            over.set()
    found.wait()  # a client that broke is a fault of ours, and must not look like silence


def put_load(server: AskedServer, model: str, texts: Sequence[str], *, n_clients: int, limits: LoadLimits) -> Load:
    """Let `n_clients` ask for `model` until a limit is met."""
    start = time.perf_counter()
    with crowd(server, model, texts, n_clients=n_clients, limits=limits) as found:
        found.wait()
    return summary(model, found.seen, n_clients=n_clients, seconds=time.perf_counter() - start)


def summary(model: str, seen: Sequence[Asked], *, n_clients: int, seconds: float) -> Load:
    """Figures of what a crowd saw in so many seconds."""
    latencies = [asked.seconds for asked in seen if asked.error is None]
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


def _ask_once(client: Client, model: str, text: str, is_right: IsRight) -> Asked:
    start = time.perf_counter()
    try:
        document = client.predict(model, fields_of_text(text))
    except LabError:
        return Asked(start, time.perf_counter() - start, NO_ANSWER, is_right=True)
    seconds = time.perf_counter() - start
    if is_error(document):
        error = document.get("error", {})
        return Asked(start, seconds, f"{error.get('code')} {error.get('type')}", is_right=True)
    return Asked(start, seconds, None, is_right=is_right(text, of_whole(document, text)))
