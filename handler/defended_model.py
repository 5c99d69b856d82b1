"""One defended classifier in one process, whatever server stands around it: exchanges in, exchanges with replies out.

A server's entry file says where the model lies, on which device, and where metrics go. It turns calls into exchanges,
and replies into what goes over its wire. Nothing in here, nor below, knows which server that is.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from handler.answers.reply import Served
from handler.hooks.exchange import Exchange
from handler.hooks.judging import judge
from handler.hooks.preparing import prepare
from handler.hooks.replying import reply_to
from handler.observation.metrics import Metrics
from handler.observation.request_log import log_drift, log_exchanges, log_load_failed, log_loaded
from handler.settings import Settings
from handler.worker.device_loss import DeviceLostError, end_worker
from handler.worker.registry_file import open_registry
from handler.worker.spare_memory import SpareMemory
from handler.worker.stopwatch import Stopwatch
from handler.worker.threads import share_cores
from handler.xgraad.errors import XGraadError
from handler.xgraad.files.fingerprint import CALIBRATION_FILE
from handler.xgraad.files.pickle_refusal import refuse_pickles
from handler.xgraad.multilabel.labels_calibration import read_calibration


class DefendedModel:
    """Serves one classifier. One reply per exchange, in order, whatever else is in the batch.

    A batch goes through three hooks. Each takes exchanges and hands on as many, in order, that know more.
    """

    def load(
        self, folder: Path, model_config: Mapping[str, Any] | None, *, served: Served, device: str, metrics: Metrics
    ) -> None:
        """Load the model directory, once per process.

        Args:
            folder: an unpacked archive.
            model_config: the content of its model-config.yaml.
            served: what the model is called.
            device: `cpu` or `cuda:N`.
            metrics: where to write down what happens.

        Raises:
            RuntimeError: the model must not be served; the message says why.
        """
        self.metrics, self.spare_memory, self.served, start = metrics, SpareMemory(), served, perf_counter()
        try:
            self._load(folder, model_config, device)
        except XGraadError as error:
            self.metrics.load_failed(error)
            log_load_failed(error, model=served.name)
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        self.served = served._replace(takes_pairs=self.defense.takes_pairs)
        self.metrics.loaded(self.defense)
        log_loaded(self.defense, model=served.name, seconds=perf_counter() - start)

    def answer(self, exchanges: Sequence[Exchange]) -> list[Exchange]:
        """Answer a batch. Where the device is lost, this process ends, and its server starts another."""
        stopwatch = Stopwatch()
        try:
            judged = self.inference(self.preprocess(exchanges, stopwatch), stopwatch)
        except DeviceLostError as error:
            end_worker(error)
        replied = self.postprocess(judged, stopwatch)
        self.metrics.answered(replied, stopwatch.seconds, self.defense)
        log_exchanges(replied)
        self._tell_drift()
        self.spare_memory.give_back()
        return replied

    def preprocess(self, exchanges: Sequence[Exchange], stopwatch: Stopwatch) -> list[Exchange]:
        """Parse and encode."""
        return prepare(exchanges, self.defense, self.settings, stopwatch)

    def inference(self, exchanges: Sequence[Exchange], stopwatch: Stopwatch) -> list[Exchange]:
        """Score and neutralize."""
        return judge(exchanges, self.defense, self.settings, stopwatch)

    def postprocess(self, exchanges: Sequence[Exchange], stopwatch: Stopwatch) -> list[Exchange]:
        """Apply the policy, and write the replies."""
        return reply_to(exchanges, self.served, self.settings, stopwatch)

    def _tell_drift(self) -> None:
        windows = self.defense.reservoir.take() if self.defense.reservoir else []
        self.metrics.drifted(windows)
        log_drift(windows, model=self.served.name)

    def _load(self, folder: Path, model_config: Mapping[str, Any] | None, device: str) -> None:
        refuse_pickles(folder)
        if device == "cpu":
            share_cores(model_config)
        self.settings = Settings.from_model_config(model_config)
        calibration = read_calibration(folder / CALIBRATION_FILE)
        registry = open_registry(self.settings, calibration)
        self.defense = self.settings.load_defense(
            str(folder), device=device, calibration=calibration, registry=registry
        )
        self.defense.classifier.warm_up()
