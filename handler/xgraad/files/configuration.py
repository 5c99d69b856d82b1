"""config.json of a checkpoint: what changes the forward pass is known and in its range, or the checkpoint is refused.

Transformers takes whatever stands there: a key that it does not know is dropped, one that it knows may make it another
model than ours runs (a causal mask, an output of another form). So every key falls into one of four kinds: `HONOURED`
by the plain model and ours alike, `FIXED` at what ours is made for, `UNREAD` by a classifier's forward pass, or unknown
to transformers, which is nobody's business.
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
from handler.xgraad.files.json_object import read_object
from handler.xgraad.files.labels import check_labels
from handler.xgraad.files.value_rule import (
    ACTIVATION,
    EPSILON,
    FLAG,
    NUMBER_TYPE,
    POSITION_ATTENTION,
    POSITION_NORM,
    POSITIVE,
    SHARE,
    TOKEN,
    ValueRule,
    whole,
)
from handler.xgraad.quiet import quiet_transformers

CODE_KEYS = ("auto_map", "custom_pipelines", "quantization_config", "adapter_config")
"""Keys of config.json or tokenizer_config.json that make transformers run or fetch something else."""
LEAST_LENGTH = 8
"""Tokens that a window must have, special ones included."""

SIZE = whole(1, 1 << 16)
HONOURED: dict[str, ValueRule] = {
    "activation": ACTIVATION,
    "attention_dropout": SHARE,
    "attention_head_size": SIZE,
    "attention_probs_dropout_prob": SHARE,
    "classifier_dropout": SHARE.or_null(),
    "classifier_dropout_prob": SHARE,
    "cls_dropout": SHARE.or_null(),
    "conv_act": ACTIVATION,
    "conv_groups": whole(1, 1 << 10),
    "conv_kernel_size": whole(0, 1 << 6),
    "dim": SIZE,
    "dropout": SHARE,
    "dtype": NUMBER_TYPE.or_null(),
    "embedding_size": SIZE,
    "hidden_act": ACTIVATION,
    "hidden_dim": SIZE,
    "hidden_dropout_prob": SHARE,
    "hidden_size": SIZE,
    "initializer_range": POSITIVE,
    "intermediate_size": SIZE,
    "layer_norm_eps": EPSILON,
    "legacy": FLAG,
    "max_position_embeddings": SIZE,
    "max_relative_positions": whole(-1, 1 << 16),
    "n_heads": whole(1, 1 << 10),
    "n_layers": whole(1, 1 << 8),
    "norm_rel_ebd": POSITION_NORM,
    "num_attention_heads": whole(1, 1 << 10),
    "num_hidden_groups": whole(1, 1 << 8),
    "num_hidden_layers": whole(1, 1 << 8),
    "pad_token_id": TOKEN.or_null(),
    "pooler_dropout": SHARE,
    "pooler_hidden_act": ACTIVATION,
    "pooler_hidden_size": SIZE,
    "pos_att_type": POSITION_ATTENTION,
    "position_biased_input": FLAG,
    "position_buckets": whole(-1, 1 << 16),
    "qa_dropout": SHARE,
    "relative_attention": FLAG,
    "seq_classif_dropout": SHARE,
    "share_att_key": FLAG,
    "sinusoidal_pos_embds": FLAG,
    "task_type_vocab_size": whole(1, 1 << 16),
    "tie_word_embeddings": FLAG,
    "torch_dtype": NUMBER_TYPE.or_null(),
    "type_vocab_size": whole(0, 1 << 16),
    "use_cache": FLAG,
    "vocab_size": whole(1, 1 << 24),
}
"""Keys that the plain model and ours read alike, and what they may be."""

FIXED: dict[str, Any] = {
    "add_cross_attention": False,
    "attention_chunk_size": None,
    "chunk_size_feed_forward": 0,
    "distributed_config": None,
    "fusion_config": None,
    "inner_group_num": 1,
    "is_causal": False,
    "is_decoder": False,
    "is_encoder_decoder": False,
    "layer_types": None,
    "output_attentions": False,
    "output_cross_attentions": False,
    "output_hidden_states": False,
    "per_layer_config": None,
    "position_embedding_type": "absolute",
    "pruned_heads": {},
    "return_dict": True,
    "rope_parameters": None,
    "rope_scaling": None,
    "sliding_window": None,
    "talking_head": False,
    "tie_last_hidden_states": None,
    "torchscript": False,
    "transformers_weights": None,
    "use_task_id": False,
}
"""Keys that make, or made under earlier versions of transformers, a model that ours is not, and the one value they may
have. Fields of the configuration's class that stand nowhere here are held to their defaults."""

UNREAD = {
    "_name_or_path",
    "architectures",
    "bos_token_id",
    "eos_token_id",
    "id2label",
    "label2id",
    "model_type",
    "name_or_path",
    "num_labels",
    "problem_type",
    "summary_activation",
    "summary_last_dropout",
    "summary_type",
    "summary_use_proj",
    "transformers_version",
}
"""Keys of no forward pass; what labels and kind have to be is checked by itself."""


def check_configuration(folder: Path) -> dict[str, Any]:
    """The content of config.json, of which nothing stands against serving it.

    Raises:
        CheckpointError: names the key, its rule, its value and the way out.
    """
    content = read_object(folder / "config.json")
    refuse_code(content, "config.json")
    kind = content.get("model_type")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        known = ", ".join(sorted(ARCHITECTURES))
        raise CheckpointError(f"config.json: model_type must be one of {known}, is {shown(kind)}")
    _check_task(content)
    check_labels(content)
    for key, value in content.items():
        _check_key(key, value, CONFIG_MAPPING[kind])
    return content


def refuse_code(content: dict[str, Any], name: str) -> None:
    """Refuse what would make transformers run or fetch something that does not lie in the folder."""
    found = set(CODE_KEYS) & set(content)
    if found:
        raise CheckpointError(f"{name}: '{min(found)}' would load code from elsewhere; remove it or do not serve this")


def read_configuration(folder: Path) -> Any:
    """The configuration as transformers reads it, checked before and after.

    Raises:
        CheckpointError: see `check_configuration`; also parts that do not fit one another.
    """
    check_configuration(folder)
    try:
        with quiet_transformers():
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StrictDataclassError) as error:
        raise CheckpointError(f"config.json: cannot be used, correct or remove the key: {reason(error)}") from error
    if config.hidden_size % config.num_attention_heads:
        raise CheckpointError(
            f"config.json: {config.num_attention_heads} attention heads do not divide a hidden_size of "
            f"{config.hidden_size}; is this config.json that of the weights?"
        )
    if config.pad_token_id is not None and config.pad_token_id >= config.vocab_size:
        raise CheckpointError(
            f"config.json: pad_token_id must be below vocab_size, {config.vocab_size}, is {config.pad_token_id}"
        )
    return config


def longest_input(config: Any) -> int:
    """How many tokens the position table of the model holds that `config` describes, special tokens included.

    Raises:
        CheckpointError: a table that is too short for anything, or positions that are counted from no id.
    """
    architecture = architecture_of(config)
    if architecture.counts_from_padding and config.pad_token_id is None:
        raise CheckpointError("config.json: pad_token_id is null, but positions are counted from it; name the id")
    longest = int(config.max_position_embeddings) - architecture.position_offset(config)
    if longest < LEAST_LENGTH:
        raise CheckpointError(
            f"config.json: max_position_embeddings {config.max_position_embeddings} leaves room for {longest} tokens; "
            f"{LEAST_LENGTH} are the least"
        )
    return longest


def _check_task(content: dict[str, Any]) -> None:
    """One label for each text is what the defense is about."""
    task = content.get("problem_type")
    if task not in (None, "single_label_classification"):
        raise CheckpointError(
            f"config.json: problem_type must be single_label_classification: one label for each text, is {shown(task)}"
        )
    served = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES[content["model_type"]]
    named = content.get("architectures")
    if named not in (None, [], [served]):
        raise CheckpointError(
            f"config.json: architectures must be [{served!r}] or absent, is {shown(named)}: another class gives its "
            "outputs another meaning; only single-label classifiers are served"
        )


def _check_key(key: str, value: Any, config_class: Any) -> None:
    if key in HONOURED:
        if not HONOURED[key].holds(value):
            raise CheckpointError(f"config.json: {key} must be {HONOURED[key].words}, is {shown(value)}")
        return
    if key in UNREAD:
        return
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
