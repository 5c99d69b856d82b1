"""Architectures that compute as another one does: each equals plain eager attention, is calibrated, and answers."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from handler.xgraad import Classifier, Defense
from handler.xgraad.errors import CheckpointError
from handler.xgraad.files.precision import Precision
from tests import toys
from tests.conftest import calibrated
from tests.reference.equations import SlowScorer
from tests.samples import edit_json

LENGTHS = (10, 100, 300)
"""Words; padded to the longest in one batch, which micro-batches would part."""


USUAL = {"eurobert": "late", "modernbert": "cls"}
"""How classifiers pool where their configuration does not say."""
LOCAL, WHOLE = "sliding_attention", "full_attention"


class Kin(NamedTuple):
    """An architecture, and what its configuration says otherwise than the toy's."""

    name: str
    changes: dict[str, Any]


EACH = [
    *(Kin(name, {}) for name in toys.KIN),
    *(Kin("eurobert", {"classifier_pooling": pooling}) for pooling in ("bos", "mean")),
    Kin("eurobert", {"num_key_value_heads": 1, "head_dim": 16, "attention_bias": True, "mlp_bias": True}),
    Kin("modernbert", {"classifier_pooling": "mean"}),
    Kin("modernbert", {"classifier_pooling": "mean", "layer_types": [LOCAL, WHOLE]}),
    Kin("modernbert", {"layer_types": [LOCAL, WHOLE], "norm_bias": True, "attention_bias": True}),
]


@pytest.fixture(scope="module", params=EACH, ids=lambda kin: "-".join([kin.name, *kin.changes]))
def kin(request: pytest.FixtureRequest) -> Kin:
    kin: Kin = request.param
    return kin


@pytest.fixture(scope="module")
def folder(kin: Kin, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toys.make_checkpoint(tmp_path_factory.mktemp("kin") / kin.name, kin.name, n_positions=512, **kin.changes)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_it_equals_eager_attention_whatever_the_length(folder: Path, precision: Precision) -> None:
    words = " ".join(toys.SENTENCES).split() * 9
    texts = [" ".join(words[:n_words]) for n_words in LENGTHS]
    classifier = Classifier.load(folder, max_length=400, precision=precision)
    tolerance = 1e-4 if precision == "float32" else 0.05
    slow = SlowScorer(folder, max_length=400)
    with torch.enable_grad():
        traces = classifier._trace_part(classifier.encode(texts))
    for text, trace in zip(texts, traces, strict=True):
        expected = slow(text)
        assert trace.logits.tolist() == pytest.approx(expected.logits, abs=tolerance)
        assert trace.attention.tolist() == pytest.approx(expected.attention, abs=tolerance)
        if precision == "float32":
            assert trace.gradient.tolist() == pytest.approx(expected.gradient, abs=tolerance)


def test_a_look_and_the_plain_pass_equal_it_too(kin: Kin, folder: Path) -> None:
    words = " ".join(toys.SENTENCES).split() * 9
    classifier = Classifier.load(folder, max_length=400)
    whole = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    encodings = classifier.encode([" ".join(words[:n_words]) for n_words in LENGTHS])
    with torch.inference_mode():
        logits, looks = classifier._logits_part(encodings), classifier._look_part(encodings)
    for row, (encoding, look) in enumerate(zip(encodings, looks, strict=True)):
        with torch.no_grad():
            ids = torch.tensor([encoding.token_ids])
            expected = whole(input_ids=ids, output_attentions=True, output_hidden_states=True)
        assert torch.allclose(logits[row], expected.logits[0], atol=1e-4)
        assert torch.allclose(look.logits, expected.logits[0], atol=1e-4)
        last, states = expected.attentions[-1][0].mean(dim=0), torch.cat(expected.hidden_states[1:][-3:])
        reads_all = kin.changes.get("classifier_pooling", USUAL.get(kin.name)) in ("late", "mean")
        assert torch.allclose(look.decision, last.mean(dim=0) if reads_all else last[0], atol=1e-5)
        assert torch.allclose(look.states, states.mean(dim=1) if reads_all else states[:, 0], atol=1e-4)


def test_it_holds_as_many_tokens_as_its_positions(folder: Path) -> None:
    """Of those that count from the padding two rows of the table stand for no token."""
    model = Classifier.load(folder, max_length=None).model
    offset = 2 if model.config.model_type in ("camembert", "mpnet", "xlm-roberta") else 0
    longest = 512 - offset
    text = " ".join(toys.SENTENCES * 20)
    classifier = Classifier.load(folder, max_length=longest)
    (encoding,) = classifier.encode([text])
    assert len(encoding.token_ids) == longest
    assert classifier.logits([encoding]).isfinite().all()
    with pytest.raises(CheckpointError, match=f"between 8 and {longest} for this model, got {longest + 1}"):
        Classifier.load(folder, max_length=longest + 1)


def test_it_is_calibrated_and_answers(kin: Kin, tmp_path: Path) -> None:
    defense = Defense.load(calibrated(toys.make_checkpoint(tmp_path / "small", kin.name, **kin.changes)))
    plain, triggered = defense(["a gripping film", "a gripping cf film"], explain=True)
    assert plain.label in defense.classifier.labels
    assert any(word.attribution > 0 for word in triggered.words)
    assert [each.word.text for each in triggered.words] == ["a", "gripping", "cf", "film"]


@pytest.mark.parametrize(
    ("name", "tokenizer_class"),
    [("electra", "ElectraTokenizer"), ("ernie", "BertTokenizer"), ("mpnet", "MPNetTokenizer")],
)
def test_a_named_tokenizer_that_is_the_shipped_one_is_served(tmp_path: Path, name: str, tokenizer_class: str) -> None:
    folder = toys.make_checkpoint(tmp_path / name, name)
    edit_json(folder / "tokenizer_config.json", tokenizer_class=tokenizer_class)
    assert Classifier.load(folder).encode(["a gripping cf film"])


@pytest.mark.parametrize("tokenizer_class", ["XLMRobertaTokenizer", "XLMRobertaTokenizerFast"])
def test_a_named_tokenizer_that_drops_the_normalizer_is_refused(tmp_path: Path, tokenizer_class: str) -> None:
    """Transformers builds it from the vocabulary alone; what was trained on composed characters would get others."""
    folder = toys.make_checkpoint(tmp_path / "named", "xlm-roberta")
    edit_json(folder / "tokenizer_config.json", tokenizer_class=tokenizer_class)
    with pytest.raises(CheckpointError, match=r"as XLMRobertaTokenizer of transformers runs it; .*as it is"):
        Classifier.load(folder)


def test_positions_that_are_counted_from_an_id_of_the_code_take_no_other_padding(tmp_path: Path) -> None:
    folder = toys.make_checkpoint(tmp_path / "moved", "mpnet")
    edit_json(folder / "config.json", pad_token_id=0)
    with pytest.raises(CheckpointError, match=r"pad_token_id must be 1 for mpnet, .* is 0"):
        Classifier.load(folder)
