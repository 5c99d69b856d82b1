"""Loading reads, checks and hashes each thing once: checkpoints are large, and what was checked is what is used."""

import hashlib
from collections import Counter
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
import torch

from handler import defended_model
from handler.xgraad import Calibration, Classifier, Defense, SqliteRegistry
from handler.xgraad import fingerprint as hash_anew
from handler.xgraad.model.attention_capture import ATTENTION_NAME
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad_handler import XGraadHandler
from scripts.lab.training.calibrating import CalibrationOptions, calibrate_checkpoint
from scripts.texts.corpora import Sample
from tests.conftest import CLEAN_TEXTS

STEPS = (
    "handler.xgraad.model.checkpoint.Checkpoint.open",
    "handler.xgraad.model.checkpoint.check_tokenizer",
    "handler.xgraad.model.checkpoint.check_weights",
    "handler.xgraad.model.checkpoint.empty_model",
    "handler.xgraad.model.checkpoint.hash_files",
    "handler.xgraad.model.checkpoint.read_configuration",
    "handler.xgraad.model.checkpoint.read_headers",
    "handler.xgraad.files.configuration.check_configuration",
)
"""Whatever takes time or decides; each must happen, and not twice."""
HASHED = ("hash of config.json", "hash of model.safetensors", "hash of tokenizer.json")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each of the steps was done, and each text file read."""
    counted: Counter[str] = Counter()

    def count(name: str, real: Any) -> Any:
        def counting(*arguments: Any, **options: Any) -> Any:
            counted[name] += 1
            return real(*arguments, **options)

        return counting

    for step in STEPS:
        monkeypatch.setattr(step, count(step, resolve_name(step)))
    real_read, real_hash = Path.read_text, hashlib.file_digest

    def read(self: Path, *arguments: Any, **options: Any) -> str:
        counted[self.name] += 1
        return real_read(self, *arguments, **options)

    def hashing(file: Any, kind: str) -> Any:
        counted[f"hash of {Path(file.name).name}"] += 1
        return real_hash(file, kind)

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr(hashlib, "file_digest", hashing)
    return counted


ONCE = dict.fromkeys((*STEPS, *HASHED), 1)


def steps(done: Counter[str]) -> dict[str, int]:
    return {step: done[step] for step in ONCE}


def test_a_defense(bert_folder: Path, done: Counter[str]) -> None:
    Defense.load(bert_folder)
    assert steps(done) == ONCE
    assert done["calibration.json"] == 1
    Defense.load(bert_folder)
    assert steps(done) == dict.fromkeys(ONCE, 2)  # sanity arm: it is counted


def test_a_worker(bert_folder: Path, done: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry needs the calibration, too."""
    monkeypatch.setattr(defended_model, "share_cores", lambda _config: None)
    handler = XGraadHandler()
    handler._load(bert_folder, None, "cpu")
    assert isinstance(handler.defense.registry, SqliteRegistry)
    handler.defense.registry.close()
    assert steps(done) == ONCE
    assert done["calibration.json"] == 1


def test_a_classifier_is_not_hashed(bert_folder: Path, done: Counter[str]) -> None:
    Classifier.load(bert_folder)
    assert steps(done) == {step: 0 if "hash" in step else 1 for step in ONCE}


def test_a_calibration(bert_folder: Path, tmp_path: Path, done: Counter[str]) -> None:
    samples = [Sample(text, None) for text in CLEAN_TEXTS]
    options = CalibrationOptions(max_fpr=0.1, max_length=64)
    made = calibrate_checkpoint(bert_folder, samples, out=tmp_path / "made.json", options=options, device="cpu")
    assert steps(done) == ONCE
    assert made.fingerprint == hash_anew(bert_folder, max_length=64)


def test_what_was_read_is_used(bert_folder: Path, damaged: Path) -> None:
    """Not what lies in the folder later on; and the calibration handed on is not read again."""
    calibration = Calibration.read(damaged / "calibration.json")
    (damaged / "calibration.json").unlink()
    assert Defense.load(damaged, calibration=calibration).calibration is calibration
    opened = Checkpoint.open(damaged)
    before = opened.fingerprint(max_length=64, precision="float32")
    (damaged / "model.safetensors").write_bytes(b"")
    assert opened.fingerprint(max_length=64, precision="float32") == before
    assert hash_anew(damaged, max_length=64) != before


def test_the_two_models_differ_in_how_attention_is_done(bert_folder: Path) -> None:
    opened = Checkpoint.open(bert_folder)
    models: tuple[Any, Any] = opened.models(device=torch.device("cpu"))
    served, plain = models
    assert served.config._attn_implementation == ATTENTION_NAME
    assert plain.config._attn_implementation == "eager"
    pairs = zip(served.parameters(), plain.parameters(), strict=True)
    assert all(there.data_ptr() == here.data_ptr() for there, here in pairs)
    assert opened.models(device=torch.device("cpu")).plain is not plain
