"""A replica: one process with one defended model, which answers batches and says whether it still can.

Judging runs in a thread of its own, one batch at a time, so that the next batch fills meanwhile and Serve's questions
are answered. A batch that takes longer than the archive's `responseTimeout` ends the process, and Serve starts another.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Timer
from typing import Any, NamedTuple, TypeVar

from ray import serve

from deploy.ray.calls import Answered, ClientCall
from deploy.ray.canary import require_answer
from deploy.ray.exchanges import answered, exchange_of
from deploy.ray.metric_lines import LineWriter, MetricLine, declared_metrics
from deploy.ray.ports import keep_to_loopback
from deploy.ray.unpacking import settings_in, unpacked
from handler.answers.reply import Served
from handler.defended_model import DefendedModel
from handler.describe import describe
from handler.observation.metrics import Metrics
from handler.xgraad.events import log_event

Result = TypeVar("Result")


class GivenArchive(NamedTuple):
    """What a replica is told."""

    name: str
    """Under which the model is served."""
    archive: str
    sha256: str
    """Of the archive that was checked when the server started: no other is served under this name."""
    folder: str
    """Where archives are unpacked."""
    device: str
    batch_size: int
    delay_s: float
    """How long a lone request waits for company."""
    timeout_s: float
    """Within which a batch must be answered."""


class Replica:
    """Answers for one model.

    Args:
        given: which.
        totals: handle of the deployment that adds up metrics.
    """

    def __init__(self, given: GivenArchive, totals: Any) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        keep_to_loopback()
        show_events()
        self._given, self._totals, self._lines = given, totals, list[MetricLine]()
        self._thread = ThreadPoolExecutor(1)
        self._n_batches = self._n_checked = 0
        self._batch.set_max_batch_size(given.batch_size)  # type: ignore[attr-defined]
        self._batch.set_batch_wait_timeout_s(given.delay_s)  # type: ignore[attr-defined]
        try:
            self._model = loaded(given, self._lines)
        finally:
            self._tell()
        require_answer(self._model)

    async def answer(self, call: ClientCall) -> Answered:
        """The reply to one call."""
        return await self._batch(call)

    @serve.batch(max_batch_size=1, batch_wait_timeout_s=0.0)
    async def _batch(self, calls: list[ClientCall]) -> list[Answered]:
        self._n_batches += 1
        replies = await self._in_thread(lambda: self._answered(calls))
        self._tell()
        return replies

    def _answered(self, calls: list[ClientCall]) -> list[Answered]:
        return [answered(each) for each in self._model.answer([exchange_of(call) for call in calls])]

    async def check_health(self) -> None:
        """Serve asks now and then. A replica that was at work since the last time need not prove itself.

        Raises:
            UnfitModelError: the model does not answer; Serve replaces the replica.
        """
        if self._n_batches == self._n_checked:
            await self._in_thread(lambda: require_answer(self._model))
        self._n_checked = self._n_batches

    def describe(self) -> dict[str, Any]:
        """What TorchServe's management API tells of a model."""
        return describe(self._model.defense, self._model.settings)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        def timed() -> Result:
            with_end = Timer(self._given.timeout_s, end_stuck, [self._given.timeout_s])
            with_end.daemon = True
            with_end.start()
            try:
                return work()
            finally:
                with_end.cancel()

        return await asyncio.get_running_loop().run_in_executor(self._thread, timed)

    def _tell(self) -> None:
        """Hand on what was counted; nobody waits for it."""
        if self._lines:
            lines = self._lines.copy()
            self._lines.clear()
            self._totals.add.remote(lines)


def loaded(given: GivenArchive, lines: list[MetricLine]) -> DefendedModel:
    """The model of an archive.

    Raises:
        LabError, IntegrityError: see `unpacked`.
        RuntimeError: see `DefendedModel.load`.
    """
    folder = unpacked(Path(given.archive), Path(given.folder), sha256=given.sha256)
    archive = settings_in(folder)
    model = DefendedModel()
    model.load(
        folder,
        archive.settings,
        served=Served(given.name, archive.version),
        device=given.device,
        metrics=Metrics({each.name: LineWriter(each.name, lines) for each in declared_metrics()}, given.name),
    )
    return model


def end_stuck(seconds: float) -> None:
    """Say so and end this process at once, whatever its threads are at."""
    log_event("stuck", level=logging.CRITICAL, seconds=seconds, consequence="this worker ends")
    sys.stdout.flush()
    os._exit(1)


def show_events() -> None:
    """Write the handler's events to standard output, which Ray keeps in its logs; they hold no texts."""
    log = logging.getLogger("xgraad")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.StreamHandler(sys.stdout))
