"""config.json of a checkpoint: what changes the forward pass is known and in its range, or the checkpoint is refused.

Transformers takes whatever stands there: a key that it does not know is dropped, one that it knows may make it another
model than ours runs. What each key may be stands in `configuration_keys`.
"""

import dataclasses
from pathlib import Path
from typing import Any

from huggingface_hub.errors import StrictDataclassError
from transformers import AutoConfig
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from handler.xgraad.errors import CheckpointError, reason, shown
from handler.xgraad.files.architectures import ARCHITECTURES, architecture_of
from handler.xgraad.files.config_json.configuration_keys import FIXED, HONOURED, OF_KIND, UNREAD
from handler.xgraad.files.config_json.task import check_task
from handler.xgraad.files.config_json.unserved import refusal_of
from handler.xgraad.files.json_object import read_object
from handler.xgraad.files.labels import check_labels
from handler.xgraad.quiet import quiet_transformers

CODE_KEYS = ("auto_map", "custom_pipelines", "quantization_config", "adapter_config")
"""Keys of config.json or tokenizer_config.json that make transformers run or fetch something else."""
LEAST_LENGTH = 8
"""Tokens that a window must have, special ones included."""


def check_configuration(folder: Path, *, several_labels: bool = False) -> dict[str, Any]:
    """The content of config.json, of which nothing stands against serving it.

    Args:
        folder: the checkpoint.
        several_labels: see `check_task`.

    Raises:
        CheckpointError: names the key, its rule, its value and the way out.
    """
    content = read_object(folder / "config.json")
    refuse_code(content, "config.json")
    kind = content.get("model_type")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        raise CheckpointError(f"config.json: model_type {refusal_of(kind)}")
    _check_task(content, several_labels=several_labels)
    check_labels(content)
    for key, value in content.items():
        _check_key(key, value, kind)
    return content


def refuse_code(content: dict[str, Any], name: str) -> None:
    """Refuse what would make transformers run or fetch something that does not lie in the folder."""
    found = set(CODE_KEYS) & set(content)
    if found:
        raise CheckpointError(f"{name}: '{min(found)}' would load code from elsewhere; remove it or do not serve this")


def read_configuration(folder: Path, *, several_labels: bool = False) -> Any:
    """The configuration as transformers reads it, checked before and after; for the arguments see there.

    Raises:
        CheckpointError: see `check_configuration`; also parts that do not fit one another.
    """
    check_configuration(folder, several_labels=several_labels)
    try:
        with quiet_transformers():
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError) as error:
        raise CheckpointError(f"config.json: cannot be used, correct or remove the key: {reason(error)}") from error
    _check_parts(config)
    return config


def longest_input(config: Any) -> int:
    """How many tokens the position table of the model holds that `config` describes, special tokens included.

    Raises:
        CheckpointError: a table that is too short for anything, or positions that are counted from no id.
    """
    architecture = architecture_of(config)
    if architecture.counts_from_padding and config.pad_token_id is None:
        raise CheckpointError("config.json: pad_token_id is null, but positions are counted from it; name the id")
    if architecture.padding not in (None, config.pad_token_id):
        raise CheckpointError(
            f"config.json: pad_token_id must be {architecture.padding} for {config.model_type}, whose positions are "
            f"counted from that id, is {config.pad_token_id}; was config.json changed?"
        )
    longest = int(config.max_position_embeddings) - architecture.position_offset(config)
    if longest < LEAST_LENGTH:
        raise CheckpointError(
            f"config.json: max_position_embeddings {config.max_position_embeddings} leaves room for {longest} tokens; "
            f"{LEAST_LENGTH} are the least"
        )
    return longest


def _check_task(content: dict[str, Any], *, several_labels: bool) -> None:
    """Labels for each text are what the defense is about."""
    check_task(content, several_labels=several_labels)
    served = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES[content["model_type"]]
    named = content.get("architectures")
    if named not in (None, [], [served]):
        raise CheckpointError(
            f"config.json: architectures must be [{served!r}] or absent, is {shown(named)}: another class gives its "
            "outputs another meaning; only classifiers of texts are served"
        )


def _check_parts(config: Any) -> None:
    """Hold keys against one another."""
    if config.hidden_size % config.num_attention_heads:
        raise CheckpointError(
            f"config.json: {config.num_attention_heads} attention heads do not divide a hidden_size of "
            f"{config.hidden_size}; is this config.json that of the weights?"
        )
    n_groups = getattr(config, "num_key_value_heads", None)
    if n_groups is not None and config.num_attention_heads % n_groups:
        raise CheckpointError(
            f"config.json: num_key_value_heads must divide num_attention_heads, {config.num_attention_heads}, is "
            f"{shown(n_groups)}"
        )
    if config.pad_token_id is not None and config.pad_token_id >= config.vocab_size:
        raise CheckpointError(
            f"config.json: pad_token_id must be below vocab_size, {config.vocab_size}, is {config.pad_token_id}"
        )
    poolings = architecture_of(config).poolings
    if poolings is not None and config.classifier_pooling not in poolings:
        raise CheckpointError(
            f"config.json: classifier_pooling must be one of {', '.join(poolings)} for {config.model_type}, is "
            f"{shown(config.classifier_pooling)}"
        )


def _check_key(key: str, value: Any, kind: str) -> None:
    rule = OF_KIND.get(kind, {}).get(key, HONOURED.get(key))
    if rule is not None:
        if not rule.holds(value):
            raise CheckpointError(f"config.json: {key} must be {rule.words}, is {shown(value)}")
        return
    if key in UNREAD:
        return
    config_class: Any = CONFIG_MAPPING[kind]
    fields = {field.name: field.default for field in dataclasses.fields(config_class)}
    if key in FIXED or key in fields:
        default = FIXED.get(key, fields.get(key))
        if value != default or (key in FIXED and type(value) is not type(default)):
            raise CheckpointError(
                f"config.json: {key} must be {shown(default)} or absent, is {shown(value)}: no other is supported"
            )
    elif hasattr(config_class, key):
        raise CheckpointError(
            f"config.json: {shown(key)} is no setting but a part of transformers' own code; remove it"
        )
