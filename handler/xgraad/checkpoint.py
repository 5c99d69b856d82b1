"""Load a checkpoint that may be hostile: safetensors only, no remote code, no network, nothing guessed."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging as transformers_logging

from handler.xgraad.attention_capture import ATTENTION_NAME, register_attention
from handler.xgraad.errors import CheckpointError

SUPPORTED = ("albert", "bert", "deberta", "distilbert", "roberta")
VOCABULARY_FILES = ("spiece.model", "tokenizer.json", "vocab.json", "vocab.txt")
LOAD_ERRORS = (OSError, ValueError, KeyError, TypeError, AttributeError)
"""What transformers raises on files that are not what they should be."""
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt")
PICKLE = re.compile(rb"\x80[\x02-\x05].", re.DOTALL)
"""How pickles begin. So do some safetensors files, with a length, and those are not unpickled by anybody."""
NESTED = b"PK\x03\x04"
"""How archives begin, and checkpoints of torch.save, which hold pickles."""
CODE_KEYS = ("auto_map", "custom_pipelines", "quantization_config", "adapter_config")
"""Keys of config.json or tokenizer_config.json that make transformers run or fetch something else."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that must not be loaded, before anything of it is.

    Raises:
        CheckpointError: pickled weights, remote code, a missing file or an unsupported kind of model.
    """
    config = _read_json(folder / "config.json")
    if (folder / "adapter_config.json").exists():
        raise CheckpointError("adapter_config.json: an adapter would change the weights; merge it first, or remove it")
    for name in ("config.json", "tokenizer_config.json"):
        found = set(CODE_KEYS) & set(_read_json(folder / name)) if (folder / name).exists() else set()
        if found:
            raise CheckpointError(
                f"{name}: '{min(found)}' would load code from elsewhere; remove it or do not serve this"
            )
    if config.get("model_type") not in SUPPORTED:
        raise CheckpointError(f"config.json: model_type must be one of {', '.join(SUPPORTED)}")
    if config.get("problem_type") not in (None, "single_label_classification"):
        raise CheckpointError("config.json: problem_type must be single_label_classification: one label for each text")
    _check_labels(config.get("id2label"))
    _check_weights(folder)


def may_be_pickle(name: str, begin: bytes) -> bool:
    """Whether a file could be a pickle or hold one, by its name or by its first bytes."""
    suffix = PurePath(name).suffix
    return (
        suffix in PICKLE_SUFFIXES or begin.startswith(NESTED) or bool(suffix != ".safetensors" and PICKLE.match(begin))
    )


def refuse_pickles(folder: Path) -> None:
    """Refuse a model directory that holds a pickle anywhere, read by anything or not: what is served needs none.

    Raises:
        CheckpointError: names the file.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and may_be_pickle(path.name, _begin(path)):
            name = path.relative_to(folder).as_posix()
            raise CheckpointError(f"{name}: pickles can run code and are refused; pack it with scripts.build_archive")


def load_model(folder: Path, *, device: torch.device, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The classifier of `folder`: of type `dtype`, frozen, in evaluation mode, its attention readable.

    Raises:
        CheckpointError: see `check_folder`; also weights that do not fit the configuration.
    """
    check_folder(folder)
    register_attention()
    config = _config(folder)
    own_attention = config.model_type == "deberta"
    try:
        with _no_progress_bar():
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder,
                config=config,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=dtype,
                attn_implementation="eager" if own_attention else ATTENTION_NAME,
                output_loading_info=True,
                ignore_mismatched_sizes=False,
            )
    except (*LOAD_ERRORS, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"model.safetensors: does not load as {config.model_type}: {error}") from error
    if report["missing_keys"]:
        raise CheckpointError(
            f"model.safetensors: lacks {min(report['missing_keys'])}; is this a fine-tuned classifier?"
        )
    layers = [name for name in report["unexpected_keys"] if ".layer" in name]
    if layers:
        raise CheckpointError(f"model.safetensors: holds {min(layers)}, which config.json has no place for")
    return model.to(device).eval().requires_grad_(False)


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer of `folder`; only a fast one knows which characters a token came from.

    Raises:
        CheckpointError: there is none, or it cannot pad.
    """
    check_folder(folder)
    if not any((folder / name).exists() for name in VOCABULARY_FILES):
        raise CheckpointError("tokenizer.json: missing; save the checkpoint with a fast tokenizer")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (*LOAD_ERRORS, ImportError) as error:
        raise CheckpointError(f"tokenizer.json: does not load: {error}") from error
    if not tokenizer.is_fast:
        raise CheckpointError("tokenizer.json: missing; save the checkpoint with a fast tokenizer")
    if tokenizer.pad_token_id is None:
        raise CheckpointError("tokenizer_config.json: pad_token is missing, batches cannot be made")
    return tokenizer


def longest_input(folder: Path) -> int:
    """How many tokens the model's position table holds, special tokens included."""
    check_folder(folder)
    config = _config(folder)
    offset = config.pad_token_id + 1 if config.model_type == "roberta" else 0
    return int(config.max_position_embeddings) - offset


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of `folder`, sorted by name."""
    return sorted(folder.glob("*.safetensors"))


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Keep transformers' bar for loading weights out of logs and terminals."""
    was_enabled = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            transformers_logging.enable_progress_bar()


def _config(folder: Path) -> Any:
    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (*LOAD_ERRORS, StrictDataclassError) as error:
        raise CheckpointError(f"config.json: cannot be used: {error}") from error


def _check_labels(labels: Any) -> None:
    """Labels are keys of every reply: numbered without gaps, each once, valid Unicode."""
    if labels is None:
        return
    rule = "config.json: id2label must give each class from 0 on a name of its own"
    if not isinstance(labels, dict) or set(labels) != {str(number) for number in range(len(labels))}:
        raise CheckpointError(rule)
    names = [str(name) for name in labels.values()]
    if len(set(names)) != len(names) or any(not _is_unicode(name) for name in names):
        raise CheckpointError(rule)


def _is_unicode(text: str) -> bool:
    return text == text.encode("utf-8", "ignore").decode()


def _check_weights(folder: Path) -> None:
    if weight_files(folder):
        return
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLE_SUFFIXES)
    if not pickles:
        raise CheckpointError("model.safetensors: missing; point at the folder that save_pretrained() wrote")
    raise CheckpointError(
        f"{pickles[0]}: pickled weights can run code and are refused; on a machine that you can lose, run: "
        "python -m scripts.convert_checkpoint --checkpoint DIR --out DIR"
    )


def _begin(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"{path.name}: missing; point at the folder that save_pretrained() wrote") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.name}: is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path.name}: must hold a JSON object")
    return content
