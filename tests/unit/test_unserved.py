"""Kinds of models that are not served are refused by name, before anything of them is read, with the reason."""

import json
from pathlib import Path

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError
from handler.xgraad.files.architectures import ARCHITECTURES
from handler.xgraad.files.config_json.unserved import UNSERVED
from tests.toys import SENTENCES
from tests.unit.small_gpt2 import write_small_gpt2


def refusal(folder: Path, kind: object) -> str:
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(CheckpointError) as refused:
        Classifier.load(folder)
    return str(refused.value)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("gpt2", "no token of a decoder sees those behind it, and the label is read of the last one"),
        ("llama", "no token of a decoder"),
        ("qwen2", "no token of a decoder"),
        ("qwen3", "no token of a decoder"),
        ("gemma3_text", "no token of a decoder"),
        ("bart", "an encoder-decoder reads the label of its decoder"),
        ("t5", "an encoder-decoder"),
        ("big_bird", "its attention is sparse"),
        ("longformer", "its attention is sparse"),
        ("xlnet", "its label is read of the last token, and its texts are padded in front"),
        ("funnel", "its layers shorten the text"),
        ("convbert", "half of its heads are convolutions"),
        ("mobilebert", "its layers are of another form"),
        ("squeezebert", "its layers are convolutions"),
        ("layoutlm", "it reads places on a page"),
    ],
)
def test_the_refusal_says_why(tmp_path: Path, kind: str, why: str) -> None:
    message = refusal(tmp_path, kind)
    assert message.startswith("config.json: model_type must be one of albert, bert,")
    assert f", xlm-roberta, is '{kind}': {why}" in message
    assert "\n" not in message
    assert len(message) < 700


@pytest.mark.parametrize("kind", ["rembert", "no-such-kind", None, 5, ["gpt2"], {}])
def test_of_a_kind_that_was_not_tried_nothing_is_claimed(tmp_path: Path, kind: object) -> None:
    assert refusal(tmp_path, kind).endswith(f", xlm-roberta, is {kind!r}")


def test_a_decoder_whose_folder_is_whole_is_refused_for_its_kind(tmp_path: Path) -> None:
    write_small_gpt2(tmp_path / "gpt2", SENTENCES)
    with pytest.raises(CheckpointError, match="is 'gpt2': no token of a decoder"):
        Classifier.load(tmp_path / "gpt2")


def test_names_are_those_of_transformers_and_none_is_served() -> None:
    assert set(UNSERVED) <= set(MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
    assert not set(UNSERVED) & set(ARCHITECTURES)
