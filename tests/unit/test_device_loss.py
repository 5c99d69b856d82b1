"""A device that is lost ends the worker; one that is only full, or the CPU, does not."""

import json
import logging
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from handler.settings import Settings
from handler.worker import device_loss
from handler.worker.device_loss import DeviceLostError, end_worker, require_device
from handler.xgraad import Defense, Verdict
from handler.xgraad.words.encoding import Encoding
from tests.samples import through_hooks

GPU = torch.device("cuda:0")
SECRET = "s3cret"
ASSERTED = torch.AcceleratorError("CUDA error: device-side assert triggered")


class Breaking:
    """A defense on a GPU that one text breaks for good, and on which every further call fails."""

    takes_pairs = False

    def __init__(self, error: Exception, *, stays: bool) -> None:
        self.error = error
        self.is_broken = False
        self.stays = stays
        self.n_judged = 0
        self.classifier = SimpleNamespace(device=GPU, logits=self._fail)

    def encode(self, texts: Sequence[str]) -> list[str]:
        return list(texts)

    def undefended(self, encodings: Sequence[str]) -> None:
        self._fail(encodings)

    def judge(self, encodings: Sequence[Encoding], _explain: Sequence[bool]) -> list[Verdict]:
        self.n_judged += 1
        self._fail(encodings)
        raise AssertionError

    def ones(self, *_: object, device: torch.device) -> torch.Tensor:
        assert device == GPU
        if self.is_broken and self.stays:
            raise self.error
        return torch.tensor([1.0])

    def _fail(self, _: object) -> None:
        self.is_broken = True
        raise self.error


def run(breaking: Breaking, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[Any]:
    monkeypatch.setattr(device_loss.torch, "ones", breaking.ones)
    rows = [{"text": f"{SECRET} {number}".encode()} for number in range(3)]
    return [exchange.reply for exchange in through_hooks(rows, cast(Defense, breaking), settings)]


@pytest.mark.parametrize("settings", [Settings(), Settings(on_error="fail_open")])
def test_a_lost_device_is_not_asked_again(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    breaking = Breaking(ASSERTED, stays=True)
    with pytest.raises(DeviceLostError, match=r"^cuda:0 does not answer: AcceleratorError$"):
        run(breaking, monkeypatch, settings)
    assert breaking.n_judged == 1


@pytest.mark.parametrize(
    ("error", "stays"),
    [(ASSERTED, False), (torch.OutOfMemoryError("CUDA out of memory"), True), (ValueError(SECRET), False)],
)
def test_a_device_that_works_fails_its_own_requests(
    monkeypatch: pytest.MonkeyPatch, error: Exception, stays: bool
) -> None:
    breaking = Breaking(error, stays=stays)
    assert [reply.status for reply in run(breaking, monkeypatch, Settings())] == [500, 500, 500]
    assert breaking.n_judged == 4


def _lost() -> torch.Tensor:
    raise ASSERTED


def test_the_cpu_is_never_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_loss.torch, "ones", lambda *_, **__: _lost())
    require_device(torch.device("cpu"))


def test_a_device_that_computes_nothing_is_lost() -> None:
    """Sanity arm, without a fake: PyTorch's meta device has no numbers to give back."""
    with pytest.raises(DeviceLostError):
        require_device(torch.device("meta"))


def test_the_worker_says_so_and_ends(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def ends(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(device_loss.os, "_exit", ends)
    with caplog.at_level(logging.INFO), pytest.raises(SystemExit) as left:
        end_worker(DeviceLostError("cuda:0 does not answer: AcceleratorError"))
    assert left.value.code == 1
    (event,) = [json.loads(record.getMessage()) for record in caplog.records]
    assert (event["event"], event["message"]) == ("device_lost", "cuda:0 does not answer: AcceleratorError")
