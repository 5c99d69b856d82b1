"""The files of the weights are all there, are what they are named, and hold the model's tensors."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError
from tests.samples import edit_weights
from tests.toys import make_checkpoint

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 437958648\n" % 7


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Classifier.load(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def in_shards(folder: Path, *, dropped: int = 0) -> None:
    """Two files and an index; of the second, the first tensors are left out."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    parts = {"model-00001-of-00002.safetensors": names[:20], "model-00002-of-00002.safetensors": names[20:]}
    index = {name: part for part, held in parts.items() for name in held}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    for part, held in parts.items():
        kept = held[dropped:] if "00002-of" in part else held
        save_file({name: tensors[name] for name in kept}, folder / part, {"format": "pt"})


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_a_pointer_is_called_so(damaged: Path, name: str) -> None:
    (damaged / name).write_bytes(POINTER)
    assert refusal(damaged) == f"{name}: is a Git LFS pointer, not the file: fetch the file with `git lfs pull`"


def test_a_pointer_to_pickled_weights_is_called_so(damaged: Path) -> None:
    (damaged / "model.safetensors").unlink()
    (damaged / "pytorch_model.bin").write_bytes(POINTER)
    assert refusal(damaged).startswith("pytorch_model.bin: is a Git LFS pointer")


def test_a_pointer_that_is_not_read_does_not_matter(damaged: Path) -> None:
    (damaged / "pytorch_model.bin").write_bytes(POINTER)
    Classifier.load(damaged)


def test_sharded_weights_are_the_same_model(bert_folder: Path, damaged: Path) -> None:
    in_shards(damaged)
    before, after = (Classifier.load(folder, max_length=64) for folder in (bert_folder, damaged))
    texts = before.encode(["the plot is thin"])
    assert torch.allclose(before.logits(texts), after.logits(texts), atol=1e-6)


def test_a_missing_shard_is_named(damaged: Path) -> None:
    in_shards(damaged)
    (damaged / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors: missing, but model.safetensors.index.json names it" in refusal(damaged)


def test_a_tensor_that_no_shard_holds_is_named(damaged: Path) -> None:
    in_shards(damaged, dropped=1)
    assert "model.safetensors.index.json: names 'bert.encoder.layer" in refusal(damaged)


@pytest.mark.parametrize(
    "weight_map",
    [None, [], {}, {"a": 5}, {"a": "../model.safetensors"}, {"a": "/etc/passwd"}, {"a": "pytorch_model.bin"}],
)
def test_an_index_that_points_nowhere_is_refused(damaged: Path, weight_map: object) -> None:
    in_shards(damaged)
    (damaged / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert refusal(damaged).startswith("model.safetensors.index.json: weight_map ")


@pytest.mark.parametrize(
    ("prefix", "cure"),
    [
        ("module.", "save model.module with"),
        ("_orig_mod.", "save model._orig_mod with"),
        ("model.", "save the model inside with"),
        ("module._orig_mod.", "save model.module with"),
    ],
)
@pytest.mark.parametrize("architecture", ["bert", "modernbert", "roberta"])
def test_a_wrappers_prefix_is_named(tmp_path: Path, architecture: str, prefix: str, cure: str) -> None:
    folder = make_checkpoint(tmp_path / "wrapped", architecture)
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {prefix + name: tensor for name, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"}
    )
    message = refusal(folder)
    assert f"all names begin with '{prefix}'" in message
    assert cure in message


@pytest.mark.parametrize(
    ("number_type", "name"), [(torch.int8, "I8"), (torch.uint8, "U8"), (torch.float8_e4m3fn, "F8_E4M3")]
)
def test_quantized_weights_are_named(damaged: Path, number_type: torch.dtype, name: str) -> None:
    key = "bert.encoder.layer.0.output.dense.weight"
    edit_weights(damaged, lambda tensors: tensors.update({key: tensors[key].to(number_type)}))
    assert f"model.safetensors: '{key}' is of type {name}; weights must be of F32" in refusal(damaged)


def test_one_output_is_no_classifier(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "one-output", "bert", n_labels=1)
    assert "id2label names 1 class, so the model has one output" in refusal(folder)


def test_three_outputs_without_names_are_told_in_numbers(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "three", "bert", n_labels=3)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(
        json.dumps({k: v for k, v in config.items() if k not in ("id2label", "label2id")})
    )
    message = refusal(folder)
    assert "names 2 classes (two where it is absent), but classifier.weight of the weights has 3 outputs" in message


def test_labels_that_contradict_one_another_are_refused(damaged: Path) -> None:
    config = json.loads((damaged / "config.json").read_text())
    config |= {"id2label": {"0": "bad", "1": "good"}, "label2id": {"bad": 1, "good": 0}}
    (damaged / "config.json").write_text(json.dumps(config))
    assert "id2label gives class 0 a name that label2id gives to 1" in refusal(damaged)
