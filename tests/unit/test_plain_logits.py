"""What is served computes the plain transformers model of the same folder; the self-test finds where it does not."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from handler.xgraad import Classifier
from handler.xgraad.errors import SelfTestError
from handler.xgraad.files.configuration import CODE_KEYS, FIXED, HONOURED, UNREAD
from handler.xgraad.files.plain_model import empty_model, with_weights_of
from handler.xgraad.model import attention_capture
from handler.xgraad.model.attention_ways import Heads
from handler.xgraad.model.checkpoint import Checkpoint
from handler.xgraad.model.self_test import require_same
from tests.mutations import change_key
from tests.toys import make_checkpoint


def plain_of(classifier: Classifier) -> Any:
    return with_weights_of(classifier.model, empty_model(classifier.model.config))


def test_the_plain_model_shares_every_weight(
    classifier: Classifier, checkpoints: dict[str, Path], architecture: str
) -> None:
    plain = plain_of(classifier)
    there = dict(classifier.model.named_parameters())
    assert all(parameter.data_ptr() == there[name].data_ptr() for name, parameter in plain.named_parameters())
    assert not any(buffer.is_meta for buffer in plain.buffers())
    assert not any(module._forward_pre_hooks for module in plain.modules())
    assert plain.config._attn_implementation == "eager"


def test_the_plain_model_is_that_of_a_load_of_its_own(
    classifier: Classifier, checkpoints: dict[str, Path], architecture: str
) -> None:
    folder = checkpoints[architecture]
    loaded = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    ids = torch.tensor([classifier.encode(["the plot is thin"])[0].token_ids])
    with torch.inference_mode():
        assert torch.equal(plain_of(classifier)(ids).logits, loaded(ids).logits)


@pytest.mark.parametrize("way", ["_logits_part", "_look_part", "_trace_part"])
def test_a_way_that_computes_another_model_is_refused(
    bert_folder: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last token is left out, as a mask that is not honoured would do."""
    real = getattr(Classifier, way)

    def shortened(self: Classifier, encodings: Any) -> Any:
        cut = [
            type(each)(**{**vars(each), "token_ids": each.token_ids[:-1], "token_types": each.token_types[:-1]})
            for each in encodings
        ]
        return real(self, cut)

    Classifier.load(bert_folder)
    monkeypatch.setattr(Classifier, way, shortened)
    with pytest.raises(SelfTestError, match="logits: differ from plain transformers' by"):
        Classifier.load(bert_folder)


def test_a_causal_mask_would_be_found(damaged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were config.json not refused for it already: the first token alone would see no other."""
    change_key(damaged / "config.json", ("is_decoder",), True)
    monkeypatch.delitem(FIXED, "is_decoder")
    monkeypatch.setattr("handler.xgraad.files.configuration.UNREAD", UNREAD | {"is_decoder"})
    with pytest.raises(
        SelfTestError, match=r"logits: differ from plain transformers' by .*, in the plain pass of short"
    ):
        Classifier.load(damaged)


@pytest.mark.parametrize("is_broken", [True, False])
def test_a_window_that_only_long_texts_leave_is_looked_at_in_every_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_broken: bool
) -> None:
    """The traced pass of full-length texts, as if it let every token see all."""
    folder = make_checkpoint(tmp_path / "toy", "modernbert", n_positions=600, local_attention=580)
    real = attention_capture._captured

    def unbounded(heads: Heads, *arguments: Any) -> Any:
        differs = heads.bias is not None and heads.bias.shape[2] > 1
        return real(heads._replace(bias=None) if differs else heads, *arguments)

    if not is_broken:
        assert Classifier.load(folder, max_length=600)
        return
    monkeypatch.setattr(attention_capture, "_captured", unbounded)
    with pytest.raises(SelfTestError, match="in the traced pass of full length texts"):
        Classifier.load(folder, max_length=600)
    assert Classifier.load(folder, max_length=120), "nothing leaves the window"


def test_an_index_that_leaves_a_table_is_one_line(bert_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Checkpoint, "longest_input", 90)
    with pytest.raises(SelfTestError, match="forward pass: fails, ") as caught:
        Classifier.load(bert_folder, max_length=80)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("distance", [0.0, 9e-4, 1.1e-3, float("nan"), float("inf")])
def test_the_bound_of_a_difference(distance: float) -> None:
    expected = torch.tensor([[1.0, -0.5]])
    ways = {"in a way": [torch.tensor([1.0 + distance, -0.5])]}
    if distance <= 1e-3:
        require_same(expected, ways, texts="short", dtype=torch.float32)
        return
    with pytest.raises(SelfTestError, match=r"\(allowed 0.001\), in a way of short texts"):
        require_same(expected, ways, texts="short", dtype=torch.float32)


def test_every_key_that_transformers_reads_is_known(
    checkpoints: dict[str, Path], architecture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were a version of transformers to read another key, a checkpoint could change the forward pass by it."""
    config = AutoConfig.from_pretrained(checkpoints[architecture])
    kind: Any = type(config)
    real, read = kind.__getattribute__, set()

    def recording(self: Any, name: str) -> Any:
        read.add(name)
        return real(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(kind, "__getattribute__", recording)
        model = AutoModelForSequenceClassification.from_config(config, attn_implementation="eager").eval()
        model(torch.tensor([[2, 3, 4]]), attention_mask=torch.tensor([[1, 1, 0]]))
    known = {*HONOURED, *FIXED, *UNREAD, *CODE_KEYS, *OF_OTHER_KINDS}
    fields = {field.name for field in dataclasses.fields(kind)}
    refused = {name for name in read if hasattr(kind, name) and name not in fields} - {*ALIASES}
    assert {name for name in read - known - refused if not name.startswith("_")} == set()
    assert {"num_labels", "hidden_dropout_prob" if architecture != "distilbert" else "dropout"} <= read  # sanity arm


ALIASES = ("num_labels", "name_or_path", "output_attentions")
"""Properties that a key of config.json does set."""
OF_OTHER_KINDS = {
    "gradient_checkpointing",
    "vision_aspect_ratio",
    "vision_feature_layer",
    "vision_feature_select_strategy",
}
"""Asked of every configuration, for training and for models that see."""
