"""A checkpoint may be hostile: what is refused, why, and that nothing of it is ever run."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError
from handler.xgraad.files.architectures import ARCHITECTURES
from handler.xgraad.files.configuration import CODE_KEYS
from handler.xgraad.model.checkpoint import Checkpoint
from tests.samples import edit_json, edit_weights

CPU = torch.device("cpu")


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        Classifier.load(folder)
    return str(caught.value)


def booby_trap(path: Path, witness: Path) -> None:
    """A pickle that makes the file `witness` as soon as it is read."""
    path.write_bytes(f"cbuiltins\nexec\n(S'open({str(witness)!r}, \"w\").close()'\ntR.".encode())


def test_pickled_weights_are_refused_with_the_way_out(damaged: Path, tmp_path: Path) -> None:
    (damaged / "model.safetensors").unlink()
    booby_trap(damaged / "pytorch_model.bin", tmp_path / "ran")
    message = refusal(damaged)
    assert "pytorch_model.bin: pickled weights can run code and are refused" in message
    assert "python -m scripts.convert_checkpoint" in message
    assert not (tmp_path / "ran").exists()


def test_nothing_is_unpickled(damaged: Path, tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "vocab.pkl", "adapter_model.bin"):
        booby_trap(damaged / name, witness)
    Classifier.load(damaged)
    assert not witness.exists()
    # Sanity arm: the trap works on whoever does unpickle.
    with contextlib.suppress(Exception):
        torch.load(damaged / "pytorch_model.bin", weights_only=False)
    assert witness.exists()


def test_pickled_weights_behind_a_decoy_are_not_loaded(damaged: Path) -> None:
    """A safetensors file of another name is there, but transformers would take the pickle."""
    torch.save(load_file(damaged / "model.safetensors"), damaged / "pytorch_model.bin")
    (damaged / "model.safetensors").rename(damaged / "decoy.safetensors")
    assert "pytorch_model.bin: pickled weights can run code and are refused" in refusal(damaged)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("key", CODE_KEYS)
def test_remote_code_is_refused(damaged: Path, tmp_path: Path, name: str, key: str) -> None:
    (damaged / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    edit_json(damaged / name, **{key: {"AutoModelForSequenceClassification": "evil.Model", "AutoConfig": "evil.C"}})
    message = refusal(damaged)
    assert f"{name}: '{key}' would load code from elsewhere" in message
    assert not (tmp_path / "ran").exists()


def test_an_adapter_beside_the_weights_is_refused(damaged: Path) -> None:
    """With peft installed, transformers would load it over the weights."""
    adapter = {"base_model_name_or_path": "someone/else", "peft_type": "LORA"}
    (damaged / "adapter_config.json").write_text(json.dumps(adapter))
    assert "adapter_config.json" in refusal(damaged)


@pytest.mark.parametrize("problem_type", ["multi_label_classification", "regression", 5])
def test_models_whose_labels_do_not_exclude_one_another_are_refused(damaged: Path, problem_type: object) -> None:
    """A softmax over them would be served as if it meant something."""
    edit_json(damaged / "config.json", problem_type=problem_type)
    several = problem_type == "multi_label_classification"
    rule = "is multi_label_classification" if several else "must be single_label_classification or"
    assert f"problem_type {rule}" in refusal(damaged)


@pytest.mark.parametrize("model_type", ["gpt2", "xlnet", "", None, 5, ["bert"]])
def test_unsupported_kinds_are_refused_with_the_list(damaged: Path, model_type: object) -> None:
    edit_json(damaged / "config.json", model_type=model_type)
    assert f"model_type must be one of {', '.join(sorted(ARCHITECTURES))}, is " in refusal(damaged)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"a":' * 100_000, "is not JSON"),
        (b"[]", "must hold a JSON object"),
        (b"null", "must hold a JSON object"),
    ],
    ids=["open", "empty", "no UTF-8", "deep list", "deep object", "list", "null"],
)
def test_broken_json_is_refused_by_name(damaged: Path, name: str, content: bytes, why: str) -> None:
    (damaged / name).write_bytes(content)
    message = refusal(damaged)
    assert f"{name}: {why}" in message
    assert len(message) < 500


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"max_position_embeddings": "many"}, "max_position_embeddings"),
        ({"max_position_embeddings": None}, "max_position_embeddings"),
        ({"hidden_act": "nonsense"}, "nonsense"),
        ({"num_attention_heads": 5}, "attention heads"),
        ({"dtype": "nonsense"}, "nonsense"),
    ],
)
def test_an_impossible_configuration_is_refused(damaged: Path, changes: dict[str, Any], field: str) -> None:
    edit_json(damaged / "config.json", **changes)
    assert field in refusal(damaged)


@pytest.mark.parametrize(
    "id2label",
    [{"0": "A", "5": "B"}, ["A", "B"], {"0": "A", "1": "A"}, {"0": "A", "1": "\ud800"}],
    ids=["gap", "list", "twice the same", "no Unicode"],
)
def test_labels_that_no_reply_can_carry_are_refused(damaged: Path, id2label: object) -> None:
    config = json.loads((damaged / "config.json").read_text())
    config.pop("label2id", None)
    (damaged / "config.json").write_text(json.dumps(config | {"id2label": id2label}))
    assert "id2label" in refusal(damaged)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_files_are_named(damaged: Path, name: str) -> None:
    (damaged / name).unlink()
    assert f"{name}: missing; point at the folder that save_pretrained() wrote" in refusal(damaged)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert "config.json: missing" in refusal(tmp_path / "nowhere")


def test_a_file_instead_of_a_folder(bert_folder: Path) -> None:
    assert "config.json" in refusal(bert_folder / "config.json")


@pytest.mark.parametrize("names", [["tokenizer.json"], ["tokenizer.json", "tokenizer_config.json"]])
def test_a_missing_tokenizer_is_refused(damaged: Path, names: list[str]) -> None:
    """transformers makes an empty one up, to which every word is unknown."""
    for name in names:
        (damaged / name).unlink()
    assert "tokenizer.json" in refusal(damaged)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version": "1.0"', b"[1]"])
def test_a_broken_tokenizer_is_refused(damaged: Path, content: bytes) -> None:
    (damaged / "tokenizer.json").write_bytes(content)
    assert "tokenizer.json: does not load" in refusal(damaged)


def test_words_that_were_added_to_the_tokenizer_alone_are_refused_with_both_sizes(damaged: Path) -> None:
    """The embeddings were never resized: a text with such a word, and its neighbors, would fail."""
    tokenizer = AutoTokenizer.from_pretrained(damaged)
    n_tokens = len(tokenizer)
    assert tokenizer.add_tokens(["covid", "[PRODUCT]"]) == 2
    tokenizer.save_pretrained(damaged)
    message = refusal(damaged)
    assert f"knows {n_tokens + 2} tokens, the last '[PRODUCT]'" in message
    assert f"{n_tokens}" in message.replace(f"{n_tokens + 2}", "")
    assert "\n" not in message


def test_a_tokenizer_that_cannot_pad_is_refused(damaged: Path) -> None:
    config = json.loads((damaged / "tokenizer_config.json").read_text())
    config.pop("pad_token")
    (damaged / "tokenizer_config.json").write_text(json.dumps(config))
    assert "pad_token is missing" in refusal(damaged)


def test_a_bare_encoder_is_no_classifier(damaged: Path) -> None:
    edit_weights(damaged, lambda tensors: [tensors.pop(name) for name in ("classifier.weight", "classifier.bias")])
    assert "model.safetensors: lacks classifier.bias; is this a fine-tuned classifier?" in refusal(damaged)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.99])
def test_truncated_weights_are_refused(damaged: Path, share: float) -> None:
    path = damaged / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "model.safetensors: does not load as bert" in refusal(damaged)


def test_garbage_for_weights_is_refused(damaged: Path) -> None:
    (damaged / "model.safetensors").write_bytes(b"<html>404 not found</html>" * 20)
    assert "model.safetensors: does not load as bert" in refusal(damaged)


@pytest.mark.parametrize(
    ("changes", "both"),
    [
        ({"hidden_size": 64}, "word_embeddings.weight is of shape [333, 32], config.json makes it [333, 64]"),
        ({"vocab_size": 400}, "vocab_size is 400, but the embedding table of the weights has 333 rows"),
        ({"type_vocab_size": 3}, "token_type_embeddings.weight is of shape [2, 32], config.json makes it [3, 32]"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_both(damaged: Path, changes: dict[str, int], both: str) -> None:
    edit_json(damaged / "config.json", **changes)
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(damaged).models(device=CPU)
    assert both in str(caught.value)


def test_more_layers_than_weights_are_refused(damaged: Path) -> None:
    edit_json(damaged / "config.json", num_hidden_layers=3)
    assert "model.safetensors: lacks bert.encoder.layer.2" in refusal(damaged)


def test_fewer_layers_than_weights_are_refused(damaged: Path) -> None:
    """It would load, and be another model than the one that was trained."""
    edit_json(damaged / "config.json", num_hidden_layers=1)
    assert "model.safetensors: holds 'bert.encoder.layer.1" in refusal(damaged)


def test_what_must_not_be_loaded_is_not_even_opened(damaged: Path) -> None:
    edit_json(damaged / "config.json", auto_map={"AutoConfig": "evil.Config"})
    with pytest.raises(CheckpointError, match="would load code from elsewhere"):
        Checkpoint.open(damaged)


def test_half_precision_weights_are_served_in_full(damaged: Path) -> None:
    edit_json(damaged / "config.json", dtype="float16")
    edit_weights(damaged, lambda tensors: tensors.update({name: t.half() for name, t in tensors.items()}))
    model = Checkpoint.open(damaged).models(device=CPU).served
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_longest_input_leaves_out_the_padding_offset(checkpoints: dict[str, Path]) -> None:
    lengths = {name: Checkpoint.open(folder).longest_input for name, folder in checkpoints.items()}
    assert lengths == {"albert": 66, "bert": 66, "deberta": 66, "distilbert": 66, "roberta": 64}
