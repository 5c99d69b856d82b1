"""What must not be served ends a worker's start with the reason, and TorchServe finds our class alone."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from handler.xgraad_handler import XGraadHandler
from tests.contract.service_in_process import Worker, unpacked
from tests.samples import edit_json, edit_weights, pickle_of


def mismatched(folder: Path) -> None:
    edit_weights(folder, lambda tensors: tensors["classifier.bias"].add_(0.1))


def unfinished(folder: Path) -> None:
    (folder / "calibration.json").unlink()


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def truncated(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"short")


def beside(folder: Path) -> None:
    """Nothing reads it, and nobody needs it."""
    (folder / "training_args.bin").write_bytes(b"whatever")


def disguised(folder: Path) -> None:
    (folder / "more").mkdir()
    (folder / "more" / "notes.txt").write_bytes(pickle_of({"a": 1}))


def remote(folder: Path) -> None:
    edit_json(folder / "config.json", auto_map={"AutoModel": "evil.Model"})


def misspelled(folder: Path) -> None:
    (folder / "model-config.yaml").write_text("xgraad: {threshhold: 3}")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (mismatched, "FingerprintError: calibration.json was made for something else: weights: calibrated"),
        (unfinished, "CalibrationError: calibration.json: missing; make it with scripts.calibrate"),
        (pickled, "CheckpointError: pytorch_model.bin: pickles can run code and are refused; pack it with"),
        (beside, "CheckpointError: training_args.bin: pickles can run code and are refused"),
        (disguised, "CheckpointError: more/notes.txt: pickles can run code and are refused"),
        (truncated, "CheckpointError: model.safetensors: does not load as bert"),
        (remote, "CheckpointError: config.json: 'auto_map' would load code from elsewhere"),
        (misspelled, "SettingsError: model-config.yaml: xgraad.threshhold: Extra inputs are not permitted, got 3"),
    ],
)
def test_what_must_not_be_served_is_a_runtime_error_with_the_reason(
    checkpoints: dict[str, Path],
    torchserve: SimpleNamespace,
    tmp_path: Path,
    damage: Callable[[Path], None],
    reason: str,
) -> None:
    """Of any other exception TorchServe shows no more than that the worker died."""
    folder = unpacked(checkpoints["bert"], tmp_path / "toy")
    damage(folder)
    with pytest.raises(RuntimeError) as caught:
        Worker(folder, torchserve)
    assert str(caught.value).startswith(reason)


def test_torchserve_finds_exactly_one_class(torchserve: SimpleNamespace) -> None:
    from ts.utils.util import list_classes_from_module

    import handler.xgraad_handler

    assert list_classes_from_module(handler.xgraad_handler) == [XGraadHandler]
