"""The keys of config.json, of which each falls into one of four kinds.

`HONOURED` by the plain model and ours alike, `FIXED` at what ours is made for, `UNREAD` by a classifier's forward pass,
or unknown to transformers, which is nobody's business. One that transformers knows and that stands nowhere here is held
to its default, because it may make another model than ours runs: with a causal mask, an output of another form.
"""

from typing import Any

from handler.xgraad.files.config_json.value_rule import (
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
