"""Change anything that scores depend on, and the calibration no longer fits."""

from pathlib import Path

import pytest

from handler.xgraad import fingerprint
from handler.xgraad.errors import FingerprintError
from handler.xgraad.files.fingerprint import Fingerprint
from tests.samples import FINGERPRINT, edit_json, edit_weights


@pytest.mark.parametrize("field", list(Fingerprint.model_fields))
def test_every_mismatch_is_named(field: str) -> None:
    old = getattr(FINGERPRINT, field)
    other = old + 1 if isinstance(old, int) else f"{old}x"
    with pytest.raises(FingerprintError) as caught:
        FINGERPRINT.require(FINGERPRINT.model_copy(update={field: other}))
    message = str(caught.value)
    assert f"{field}: calibrated {old}, now {other}" in message
    assert message.count("calibrated") == 1
    assert "Run scripts.calibrate" in message


def test_all_mismatches_are_named_at_once() -> None:
    with pytest.raises(FingerprintError, match=r"max_length: calibrated 64, now 32; torch: calibrated 2\.13, now 9\.9"):
        FINGERPRINT.require(FINGERPRINT.model_copy(update={"max_length": 32, "torch": "9.9"}))


def test_the_same_fits() -> None:
    FINGERPRINT.require(FINGERPRINT.model_copy())


def differing(folder: Path, before: Fingerprint) -> list[str]:
    after = fingerprint(folder, max_length=64)
    return [name for name in Fingerprint.model_fields if getattr(before, name) != getattr(after, name)]


def test_what_each_file_changes(damaged: Path) -> None:
    before = fingerprint(damaged, max_length=64)
    assert differing(damaged, before) == []
    (damaged / "README.md").write_text("no part of the model")
    assert differing(damaged, before) == []
    edit_weights(damaged, lambda tensors: tensors["classifier.bias"].add_(0.5))
    assert differing(damaged, before) == ["weights"]
    edit_json(damaged / "config.json", id2label={"0": "no", "1": "yes"})
    assert differing(damaged, before) == ["weights", "config"]
    edit_json(damaged / "tokenizer_config.json", model_max_length=8)
    assert differing(damaged, before) == ["weights", "config", "tokenizer"]


def test_a_new_tokenizer_file_changes_it(damaged: Path) -> None:
    before = fingerprint(damaged, max_length=64)
    (damaged / "added_tokens.json").write_text("{}")
    assert differing(damaged, before) == ["tokenizer"]


def test_the_precision_is_the_one_that_is_served(bert_folder: Path) -> None:
    assert fingerprint(bert_folder, max_length=64).precision == "float32"
    assert fingerprint(bert_folder, max_length=64, precision="bfloat16").precision == "bfloat16"


def test_the_length_is_part_of_it(bert_folder: Path) -> None:
    assert fingerprint(bert_folder, max_length=32) != fingerprint(bert_folder, max_length=64)


def test_checkpoints_differ(checkpoints: dict[str, Path]) -> None:
    prints = [fingerprint(folder, max_length=64) for folder in checkpoints.values()]
    assert len({found.weights for found in prints}) == len(prints)
