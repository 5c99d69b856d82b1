"""A pickled checkpoint is converted when it holds tensors only, and refused when it holds more."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError
from scripts import convert_checkpoint
from scripts.console.command import Exit
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


def in_shards(pickled: Path, *, indexed: bool) -> None:
    tensors = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    (pickled / "pytorch_model.bin").unlink()
    names = sorted(tensors)
    parts = {1: names[:20], 2: names[20:]}
    for number, held in parts.items():
        torch.save({name: tensors[name] for name in held}, pickled / f"pytorch_model-0000{number}-of-00002.bin")
    if indexed:
        places = {name: f"pytorch_model-0000{number}-of-00002.bin" for number, held in parts.items() for name in held}
        (pickled / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": places}))


@pytest.mark.parametrize("indexed", [True, False])
def test_all_shards_or_none(pickled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], indexed: bool) -> None:
    in_shards(pickled, indexed=indexed)
    command = ["--checkpoint", str(pickled), "--out"]
    assert convert_checkpoint.main([*command, str(tmp_path / "whole")]) == Exit.DONE
    Classifier.load(tmp_path / "whole")
    (pickled / "pytorch_model-00002-of-00002.bin").unlink()
    assert convert_checkpoint.main([*command, str(tmp_path / "half")]) == Exit.ERROR
    assert "pytorch_model-00002-of-00002.bin: missing, one of 2 files" in capsys.readouterr().err
    assert not (tmp_path / "half").exists()


def test_a_tensor_that_the_index_promises_is_missed(
    pickled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_shards(pickled, indexed=True)
    torch.save({}, pickled / "pytorch_model-00002-of-00002.bin")
    assert convert_checkpoint.main(["--checkpoint", str(pickled), "--out", str(tmp_path / "out")]) == Exit.ERROR
    assert "pytorch_model.bin.index.json: names 'bert." in capsys.readouterr().err


def test_a_pointer_is_called_so(pickled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (pickled / "pytorch_model.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    assert convert_checkpoint.main(["--checkpoint", str(pickled), "--out", str(tmp_path / "out")]) == Exit.ERROR
    assert "pytorch_model.bin: is a Git LFS pointer, not the file" in capsys.readouterr().err
