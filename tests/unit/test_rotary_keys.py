"""Keys of config.json that encoders with rotary positions have: each in its range, or refused in one line."""

from pathlib import Path
from typing import Any

import pytest
import torch

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError
from tests import toys
from tests.mutations import REMOVED, change_key
from tests.samples import edit_json


@pytest.mark.parametrize(
    ("name", "key", "value", "told"),
    [
        ("modernbert", "classifier_pooling", "late", "classifier_pooling"),
        ("modernbert", "classifier_pooling", "max", "classifier_pooling must be one of bos, cls, late, mean, is 'max'"),
        (
            "modernbert",
            "global_attn_every_n_layers",
            0,
            "must be a whole number from 1 to 256, is 0",
        ),
        ("modernbert", "layer_types", ["chunked_attention", "full_attention"], "layer_types must be null or a list of"),
        ("modernbert", "layer_types", ["full_attention"], "config.json: "),
        ("modernbert", "layer_types", "full_attention", "layer_types must be null or a list of"),
        ("modernbert", "local_attention", 1, "local_attention must be a whole number from 2"),
        ("modernbert", "local_rope_theta", 0, "local_rope_theta must be a number from 1 to 1e12, is 0"),
        (
            "modernbert",
            "rope_parameters",
            {"full_attention": {"rope_type": "linear", "factor": 2}},
            "rope_parameters must be null",
        ),
        ("modernbert", "rope_parameters", {"rope_theta": 5}, "rope_parameters must be null or of full_attention and"),
        ("modernbert", "rope_parameters", {"full_attention": {"rope_theta": 0.5}}, "rope_parameters must be null or"),
        ("modernbert", "rope_scaling", {"rope_type": "linear", "factor": 2}, "rope_scaling must be None or absent"),
        ("modernbert", "sliding_window", 4, "sliding_window must be None or absent"),
        ("modernbert", "vocab_size", 600, "vocab_size is 600, but the embedding table of the weights has"),
        ("modernbert", "sparse_prediction", True, None),
        ("modernbert", "global_attn_every_n_layers", 2, None),
        ("modernbert", "classifier_bias", False, None),
        ("modernbert", "local_attention", 31, None),
        ("modernbert", "reference_compile", True, None),
        ("eurobert", "classifier_pooling", "cls", "must be one of bos, late, mean for eurobert, is 'cls'"),
        ("eurobert", "clf_pooling", "late", r"clf_pooling must be null or absent \(transformers reads classifier_poo"),
        ("eurobert", "head_dim", 0, "head_dim must be a whole number from 1 to 65536 or null, is 0"),
        ("eurobert", "is_causal", True, "is_causal must be False or absent"),
        ("eurobert", "layer_types", ["sliding_attention"] * 2, "layer_types must be None or absent"),
        ("eurobert", "num_key_value_heads", 3, "num_key_value_heads must divide num_attention_heads, 4, is 3"),
        ("eurobert", "num_key_value_heads", 0, "num_key_value_heads must be a whole number from 1 to 1024 or null"),
        ("eurobert", "num_key_value_heads", 4, "is of shape"),
        ("eurobert", "pretraining_tp", 2, "pretraining_tp must be 1 or absent"),
        ("eurobert", "rope_parameters", {"rope_type": "yarn", "factor": 2}, "rope_parameters must be null or of rope"),
        ("eurobert", "rope_parameters", {"rope_theta": 250000.0, "rope_type": "default"}, None),
        ("eurobert", "classifier_pooling", "mean", None),
        ("bert", "rope_parameters", {"rope_type": "default"}, "rope_parameters must be None or absent"),
        ("bert", "layer_types", ["full_attention"] * 2, "layer_types must be None or absent"),
        ("bert", "head_dim", 5, None),
    ],
)
def test_a_key_is_held_to_its_rule(tmp_path: Path, name: str, key: str, value: Any, told: str | None) -> None:
    folder = toys.make_checkpoint(tmp_path / "toy", name)
    edit_json(folder / "config.json", **{key: value})
    if told is None:
        assert Classifier.load(folder)
        return
    with pytest.raises(CheckpointError, match=told) as refused:
        Classifier.load(folder)
    assert "\n" not in str(refused.value)


def test_a_configuration_of_earlier_versions_is_the_same_model(tmp_path: Path) -> None:
    """In which windows and rotations had keys of their own."""
    folder = toys.make_checkpoint(tmp_path / "toy", "modernbert")
    before = Classifier.load(folder)
    edit_json(
        folder / "config.json",
        layer_types=None,
        rope_parameters=None,
        global_attn_every_n_layers=3,
        global_rope_theta=160000.0,
        local_rope_theta=10000.0,
        position_embedding_type="absolute",
        layer_norm_eps=1e-5,
        repad_logits_with_grad=False,
        gradient_checkpointing=False,
    )
    after = Classifier.load(folder)
    assert torch.equal(before.logits(before.encode(toys.SENTENCES)), after.logits(after.encode(toys.SENTENCES)))


def test_a_theta_of_earlier_versions_counts(tmp_path: Path) -> None:
    folder = toys.make_checkpoint(tmp_path / "toy", "eurobert")
    thetas = []
    for theta in (10000.0, 50.0):
        edit_json(folder / "config.json", rope_parameters=None, rope_theta=theta)
        classifier = Classifier.load(folder)
        thetas.append(classifier.logits(classifier.encode(toys.SENTENCES)))
    assert not torch.allclose(thetas[0], thetas[1], atol=1e-3)


def test_keys_of_code_from_elsewhere_are_refused_with_it(tmp_path: Path) -> None:
    """As the first EuroBERT checkpoints were published, before transformers had the class."""
    folder = toys.make_checkpoint(tmp_path / "toy", "eurobert")
    edit_json(folder / "config.json", auto_map={"AutoModel": "modeling_eurobert.EuroBertModel"}, clf_pooling="mean")
    with pytest.raises(CheckpointError, match="'auto_map' would load code from elsewhere"):
        Classifier.load(folder)
    change_key(folder / "config.json", ("auto_map",), REMOVED)
    with pytest.raises(CheckpointError, match="clf_pooling must be null or absent"):
        Classifier.load(folder)
