"""Load a checkpoint that may be hostile: safetensors only, no remote code, no network, nothing guessed."""

from copy import deepcopy
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from handler.xgraad.errors import CheckpointError, reason
from handler.xgraad.files.architectures import architecture_of, vocabularies
from handler.xgraad.files.configuration import longest_input, read_configuration, refuse_code
from handler.xgraad.files.fingerprint import FileHashes, Fingerprint, fingerprint_of, hash_files
from handler.xgraad.files.json_object import read_object
from handler.xgraad.files.lfs_pointer import refuse_pointers
from handler.xgraad.files.plain_model import empty_model, with_weights_of
from handler.xgraad.files.precision import Precision
from handler.xgraad.files.shipped_tokenizer import read_shipped, require_shipped
from handler.xgraad.files.tokenizer_check import check_tokenizer
from handler.xgraad.files.weight_files import files_to_read, read_headers
from handler.xgraad.files.weights_check import check_report, check_weights
from handler.xgraad.model.attention_capture import ATTENTION_NAME, register_attention
from handler.xgraad.quiet import quiet_transformers

READ_SUFFIXES = (".json", ".model", ".safetensors", ".txt")
UNREADABLE = ".model"
"""Tables of pieces: reading them takes packages that serving lacks."""


class Models(NamedTuple):
    """Two classifiers over the same weights, frozen and in evaluation mode."""

    served: nn.Module
    """Its attention readable."""
    plain: Any
    """As transformers makes it of the same folder."""


class Checkpoint:
    """A folder that was checked when it was opened. What is made of it is made of what was checked, and made once."""

    def __init__(self, folder: Path, config: Any) -> None:
        self.folder = folder
        self.config = config

    @classmethod
    def open(cls, folder: Path, *, several_labels: bool = False) -> "Checkpoint":
        """Refuse a folder that must not be loaded, before anything of it is.

        Args:
            folder: what `save_pretrained()` wrote.
            several_labels: whether a model that may give a text several labels is wanted, and no other. Whoever does
                not say so is made for one label, and must not take the outputs of such a model for that.

        Raises:
            CheckpointError: pickled weights, remote code, a missing file, a file that was not fetched, a configuration
                that is not supported.
        """
        if folder.is_dir():
            refuse_pointers(folder, READ_SUFFIXES)
        config = read_configuration(folder, several_labels=several_labels)
        if (folder / "adapter_config.json").exists():
            raise CheckpointError(
                "adapter_config.json: an adapter would change the weights; merge it first, or remove it"
            )
        if (folder / "tokenizer_config.json").exists():
            refuse_code(read_object(folder / "tokenizer_config.json"), "tokenizer_config.json")
        files_to_read(folder)
        return cls(folder, config)

    @property
    def longest_input(self) -> int:
        """How many tokens the model's position table holds, special tokens included.

        Raises:
            CheckpointError: a table that is too short for anything, or positions that are counted from no id.
        """
        return longest_input(self.config)

    @cached_property
    def tokenizer(self) -> Any:
        """The fast tokenizer; only a fast one knows which characters a token came from.

        Raises:
            CheckpointError: there is none, or it is not what the folder ships, or it does not fit the model.
        """
        _check_vocabulary(self.folder)
        shipped = read_shipped(self.folder)
        try:
            with quiet_transformers():
                tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
        except Exception as error:  # tokenizers raises no narrower type
            raise CheckpointError(f"tokenizer.json: does not load: {reason(error)}") from error
        if not tokenizer.is_fast:
            raise CheckpointError("tokenizer.json: missing; save the checkpoint with a fast tokenizer")
        check_tokenizer(tokenizer, self.config)
        if shipped is not None:
            require_shipped(tokenizer, shipped)
        return tokenizer

    def models(self, *, device: torch.device, dtype: torch.dtype = torch.float32) -> Models:
        """The classifier in both forms, its weights of type `dtype`.

        Raises:
            CheckpointError: weights that do not fit the configuration.
        """
        empty = empty_model(self.config)
        check_weights(read_headers(self.folder, self.config.model_type), empty)
        served = self._load(dtype).to(device).eval().requires_grad_(False)
        return Models(served, with_weights_of(served, empty))

    def fingerprint(self, *, max_length: int, precision: Precision, takes_pairs: bool = False) -> Fingerprint:
        """What a calibration at this window, precision and task is valid for; the files are read the first time."""
        return fingerprint_of(self._hashes, max_length=max_length, precision=precision, takes_pairs=takes_pairs)

    @cached_property
    def _hashes(self) -> FileHashes:
        return hash_files(self.folder)

    def _load(self, dtype: torch.dtype) -> nn.Module:
        register_attention()
        has_own_attention = architecture_of(self.config).own_attention is not None
        try:
            with quiet_transformers():
                model, report = AutoModelForSequenceClassification.from_pretrained(
                    self.folder,
                    config=deepcopy(self.config),
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
            kind = self.config.model_type
            raise CheckpointError(f"model.safetensors: does not load as {kind}: {reason(error)}") from error
        check_report(report, model)
        return cast(nn.Module, model)


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
