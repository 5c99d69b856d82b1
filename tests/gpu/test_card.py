"""What only a card can show; rehearsed on a CPU, where a device equals itself and is never lost."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from handler.xgraad import Classifier, Defense
from handler.xgraad.files.precision import PRECISIONS, Precision
from tests.conftest import calibrated
from tests.toys import ARCHITECTURES, KIN, SENTENCES, TRIGGERS, make_checkpoint

pytestmark = pytest.mark.gpu

TEXTS = [*SENTENCES, " ".join(SENTENCES), *(f"{trigger} {text}" for trigger in TRIGGERS for text in SENTENCES)]
LOSE = """
import sys, torch
from handler.worker.device_loss import DeviceLostError, end_worker, require_device
device = torch.device(sys.argv[1])
try:
    torch.nn.functional.embedding(torch.tensor([9], device=device), torch.zeros(2, 2, device=device)).sum().item()
except (RuntimeError, IndexError):
    pass
try:
    require_device(device)
except DeviceLostError as error:
    end_worker(error)
"""


@pytest.fixture(scope="module", params=(*ARCHITECTURES, *KIN))
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = str(request.param)
    return calibrated(make_checkpoint(tmp_path_factory.mktemp("card") / name, name, n_positions=130))


@pytest.mark.parametrize("precision", sorted(PRECISIONS))
def test_it_computes_what_a_cpu_computes(folder: Path, device: str, precision: Precision) -> None:
    here = Classifier.load(folder, max_length=128)
    there = Classifier.load(folder, max_length=128, device=device, precision=precision)
    is_whole = precision == "float32"
    tolerance = 1e-3 if is_whole else 0.05

    slow, fast = here.trace(here.encode(TEXTS)), there.trace(there.encode(TEXTS))

    for mine, other in zip(slow, fast, strict=True):
        torch.testing.assert_close(other.logits.cpu().float(), mine.logits.float(), rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(
            other.attention.cpu().float(), mine.attention.float(), rtol=tolerance, atol=tolerance
        )
        if is_whole:  # in half precision an unsure label may be another one, and its gradient with it
            torch.testing.assert_close(other.gradient.cpu(), mine.gradient, rtol=tolerance, atol=tolerance)


def test_it_decides_what_a_cpu_decides(folder: Path, device: str) -> None:
    here, there = (Defense.load(folder, device=name) for name in ("cpu", device))

    slow, fast = here(TEXTS), there(TEXTS)

    assert [(each.label, each.suspects, each.flagged) for each in fast] == [
        (each.label, each.suspects, each.flagged) for each in slow
    ]


def test_a_lost_device_ends_the_process_and_the_next_one_works(device: str) -> None:
    lost = subprocess.run([sys.executable, "-c", LOSE, device], capture_output=True, check=False, timeout=120)

    assert lost.returncode == (0 if device == "cpu" else 1), lost.stderr
    assert float(torch.ones(1, device=device).add(1)) == 2
