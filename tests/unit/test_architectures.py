"""An architecture is one row: with it a model is served, without it refused, and a wrong row is noticed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES as CLASSES

from handler.xgraad import Classifier, Defense
from handler.xgraad.errors import CheckpointError, SelfTestError
from handler.xgraad.files.architectures import ARCHITECTURES, Architecture, LastLayer, architecture_of, tokenizer_files
from handler.xgraad.model.attention_capture import own_attentions
from tests import toys
from tests.conftest import calibrated
from tests.samples import edit_json

LIKE_BERT = LastLayer(layers="encoder.layer", attention="attention.self", after=("attention.output",))
NEW = "xlm-roberta"
"""RoBERTa under another name, which transformers knows; its row is taken away."""


@pytest.fixture
def newcomer(checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkpoint of an architecture that has no row."""
    monkeypatch.delitem(ARCHITECTURES, NEW)
    folder = toys.make_checkpoint(tmp_path / "newcomer", "roberta")
    edit_json(folder / "config.json", model_type=NEW, architectures=[CLASSES[NEW]])
    return folder


@pytest.fixture
def row(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Adds a row like RoBERTa's, with changes."""

    def add(**changes: Any) -> None:
        monkeypatch.setitem(ARCHITECTURES, NEW, replace(ARCHITECTURES["roberta"], **changes))

    return add


def test_there_is_a_toy_of_each() -> None:
    assert sorted(ARCHITECTURES) == sorted((*toys.ARCHITECTURES, *toys.KIN))


def test_a_row_is_all_that_a_new_one_takes(newcomer: Path, row: Any) -> None:
    with pytest.raises(CheckpointError, match=f"model_type must be one of albert, .*, is '{NEW}'"):
        Classifier.load(newcomer)
    row()
    defense = Defense.load(calibrated(newcomer))
    assert defense.classifier.model.config.model_type == NEW
    (verdict,) = defense(["a gripping cf film"], explain=True)
    assert any(word.attribution > 0 for word in verdict.words)


def test_without_its_row_one_is_refused_in_one_line(bert_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Classifier.load(bert_folder)
    monkeypatch.delitem(ARCHITECTURES, "bert")
    with pytest.raises(CheckpointError) as refused:
        Classifier.load(bert_folder)
    known = ", ".join(sorted({*toys.ARCHITECTURES, *toys.KIN} - {"bert"}))
    assert str(refused.value) == f"config.json: model_type must be one of {known}, is 'bert'"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"counts_from_padding": False}, "forward pass: fails"),
        ({"own_attention": "NoSuchAttention"}, "no layer reported its attention"),
        ({"last_layer": replace(LIKE_BERT, after=("attention.self",))}, "forward pass: fails"),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
def test_a_wrong_row_is_noticed(newcomer: Path, row: Any, changes: dict[str, Any], told: str) -> None:
    row(**changes)
    with pytest.raises(SelfTestError, match=told):
        Classifier.load(newcomer)


def test_what_a_row_says_is_what_its_model_has(classifier: Classifier) -> None:
    model = classifier.model
    found = architecture_of(model.config)
    assert bool(own_attentions(model)) == (found.own_attention is not None)
    if found.last_layer is not None:
        layers = model.base_model.get_submodule(found.last_layer.layers)
        assert len(layers) == model.config.num_hidden_layers
        assert all(layers[-1].get_submodule(name) for name in found.last_layer.after)


def test_positions_begin_behind_the_padding_or_at_zero(classifiers: dict[str, Classifier]) -> None:
    configs = {name: each.model.config for name, each in classifiers.items()}
    offsets = {name: architecture_of(config).position_offset(config) for name, config in configs.items()}
    assert offsets == {"albert": 0, "bert": 0, "deberta": 0, "distilbert": 0, "roberta": 2}


def test_a_new_kind_of_vocabulary_is_packed_and_part_of_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "pieces.bin" not in tokenizer_files()
    monkeypatch.setitem(ARCHITECTURES, NEW, Architecture(last_layer=None, vocabulary=("pieces.bin",)))
    assert "pieces.bin" in tokenizer_files()
    assert list(tokenizer_files()) == sorted(tokenizer_files())


def test_the_files_of_a_tokenizer_are_those_of_calibrations_made_before() -> None:
    """The order is part of the hash."""
    assert tokenizer_files() == (
        "added_tokens.json",
        "merges.txt",
        "sentencepiece.bpe.model",
        "special_tokens_map.json",
        "spiece.model",
        "spm.model",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    )
