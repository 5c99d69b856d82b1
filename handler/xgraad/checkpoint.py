"""Load a checkpoint that may be hostile: safetensors only, no remote code, no network, nothing guessed."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from handler.xgraad.architectures import architecture_of, vocabularies
from handler.xgraad.attention_capture import ATTENTION_NAME, register_attention
from handler.xgraad.configuration import check_configuration, read_configuration, refuse_code
from handler.xgraad.errors import CheckpointError, reason
from handler.xgraad.json_object import read_object
from handler.xgraad.lfs_pointer import refuse_pointers
from handler.xgraad.plain_model import empty_model
from handler.xgraad.quiet import quiet_transformers
from handler.xgraad.shipped_tokenizer import read_shipped, require_shipped
from handler.xgraad.tokenizer_check import check_tokenizer
from handler.xgraad.weight_files import files_to_read, read_headers
from handler.xgraad.weights_check import check_report, check_weights

READ_SUFFIXES = (".json", ".model", ".safetensors", ".txt")
UNREADABLE = ".model"
"""Tables of pieces: reading them takes packages that serving lacks."""


def check_folder(folder: Path) -> None:
    """Refuse a folder that must not be loaded, before anything of it is.

    Raises:
        CheckpointError: pickled weights, remote code, a missing file, a file that was not fetched, a configuration
            that is not supported.
    """
    if folder.is_dir():
        refuse_pointers(folder, READ_SUFFIXES)
    check_configuration(folder)
    if (folder / "adapter_config.json").exists():
        raise CheckpointError("adapter_config.json: an adapter would change the weights; merge it first, or remove it")
    if (folder / "tokenizer_config.json").exists():
        refuse_code(read_object(folder / "tokenizer_config.json"), "tokenizer_config.json")
    files_to_read(folder)


def load_model(folder: Path, *, device: torch.device, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The classifier of `folder`: of type `dtype`, frozen, in evaluation mode, its attention readable.

    Raises:
        CheckpointError: see `check_folder`; also weights that do not fit the configuration.
    """
    check_folder(folder)
    register_attention()
    config = read_configuration(folder)
    has_own_attention = architecture_of(config).own_attention is not None
    check_weights(read_headers(folder, config.model_type), empty_model(folder))
    try:
        with quiet_transformers():
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder,
                config=config,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=dtype,
                attn_implementation="eager" if has_own_attention else ATTENTION_NAME,
                output_loading_info=True,
                ignore_mismatched_sizes=False,
            )
    except torch.OutOfMemoryError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"model.safetensors: does not load as {config.model_type}: {reason(error)}") from error
    check_report(report, model)
    return model.to(device).eval().requires_grad_(False)


def load_tokenizer(folder: Path) -> Any:
    """The fast tokenizer of `folder`; only a fast one knows which characters a token came from.

    Raises:
        CheckpointError: there is none, or it is not what the folder ships, or it does not fit the model.
    """
    check_folder(folder)
    _check_vocabulary(folder)
    config = read_configuration(folder)
    shipped = read_shipped(folder)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # tokenizers raises no narrower type
        raise CheckpointError(f"tokenizer.json: does not load: {reason(error)}") from error
    if not tokenizer.is_fast:
        raise CheckpointError("tokenizer.json: missing; save the checkpoint with a fast tokenizer")
    check_tokenizer(tokenizer, config)
    if shipped is not None:
        require_shipped(tokenizer, shipped)
    return tokenizer


def _check_vocabulary(folder: Path) -> None:
    there = [names for names in vocabularies() if all((folder / name).is_file() for name in names)]
    pieces = [names[0] for names in there if names[0].endswith(UNREADABLE)]
    if len(there) > len(pieces):
        return
    if pieces:
        raise CheckpointError(
            f"{pieces[0]}: stands alone, and reading it takes packages that serving lacks; where sentencepiece is "
            "installed, AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR) adds tokenizer.json"
        )
    raise CheckpointError("tokenizer.json: missing; save the checkpoint with a fast tokenizer")
