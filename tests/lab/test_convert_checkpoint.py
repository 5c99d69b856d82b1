"""A pickled checkpoint is converted when it holds tensors only, and refused when it holds more."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError
from scripts import convert_checkpoint
from scripts.lab.command import Exit
from tests.samples import copy_of


@pytest.fixture
def pickled(bert_folder: Path, tmp_path: Path) -> Path:
    folder = copy_of(bert_folder, tmp_path / "pickled")
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    return folder


def test_refused_then_converted_then_served(bert_folder: Path, pickled: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="convert_checkpoint"):
        Classifier.load(pickled, max_length=64)
    out = tmp_path / "safe"
    assert convert_checkpoint.main(["--checkpoint", str(pickled), "--out", str(out)]) == Exit.DONE
    before, after = (Classifier.load(folder, max_length=64) for folder in (bert_folder, out))
    texts = before.encode(["the plot is thin"])
    assert torch.equal(before.logits(texts), after.logits(texts))
    assert not list(out.glob("*.bin"))


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("owned"),)  # type: ignore[return-value]


def test_code_in_a_pickle_never_runs(
    pickled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Evil()}, pickled / "pytorch_model.bin")
    out = tmp_path / "safe"
    assert convert_checkpoint.main(["--checkpoint", str(pickled), "--out", str(out)]) == Exit.ERROR
    assert "refused" in capsys.readouterr().err
    assert not (tmp_path / "owned").exists()
    assert not out.exists()
