"""Bases made from one small BERT: exact where the architecture allows it, a warm start elsewhere."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import AutoTokenizer, BertModel

from handler.xgraad import Classifier
from scripts import make_base as command
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.lab.training.victim import load_base, save_checkpoint
from scripts.lab.zoo.albert import embedded
from scripts.lab.zoo.architectures import make_base
from scripts.lab.zoo.base import Base, fill
from scripts.lab.zoo.deberta import usual_offset
from scripts.lab.zoo.embeddings import embeddings_for, token_texts
from scripts.lab.zoo.encoder import EncoderWeights
from scripts.lab.zoo.kinds import ARCHITECTURES, EXACT, LEARNED
from scripts.lab.zoo.roberta import roberta_model
from scripts.lab.zoo.tokenizers import NORMALIZERS, Learned, learn_tokenizer
from scripts.lab.zoo.unigram import MARK, count_words, learn_pieces
from scripts.texts.corpora import Example, write_examples
from tests.samples import edit_json, edit_weights
from tests.toys import SENTENCES, make_checkpoint

TEXTS = SENTENCES * 3
AWKWARD = "  The CAFÉ's film (cf)  won't\tend — “très” chic?! 3,500x 😀 "
VOCABULARY_SIZE = 600
REAL_ENCODER = "XGRAAD_ENCODER"
"""Environment variable: folder of a real encoder, such as all-MiniLM-L6-v2."""


def liven(weights: dict[str, Tensor]) -> None:
    """Biases and layer norms that are not what every new model has: a lost one then shows."""
    generator = torch.Generator().manual_seed(1)
    for tensor in weights.values():
        if tensor.dim() == 1:
            tensor.add_(torch.randn(tensor.shape, generator=generator), alpha=0.2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_checkpoint(tmp_path_factory.mktemp("encoder") / "bert", "bert")
    edit_weights(made, liven)
    return made


@pytest.fixture(scope="module")
def encoder(folder: Path) -> EncoderWeights:
    return EncoderWeights.load(folder)


@pytest.fixture(scope="module")
def bases(encoder: EncoderWeights) -> dict[str, Base]:
    return {name: a_base(encoder, name) for name in ARCHITECTURES}


@pytest.fixture(scope="module")
def saved(bases: dict[str, Base], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bases")
    for name, base in bases.items():
        base.save(folder / name)
    return {name: folder / name for name in bases}


def a_base(encoder: EncoderWeights, architecture: str) -> Base:
    texts = TEXTS if architecture in LEARNED else ()
    return make_base(encoder, architecture, texts=texts, vocabulary_size=VOCABULARY_SIZE)


def states(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """All hidden states at real tokens, `[layers + 1, tokens, width]`."""
    with torch.no_grad():
        hidden = torch.stack(model(**batch, output_hidden_states=True).hidden_states)
    return hidden[:, batch["attention_mask"].bool()]


@pytest.fixture(scope="module")
def batch(bases: dict[str, Base]) -> dict[str, Tensor]:
    return dict(bases["bert"].tokenizer([*SENTENCES, "film"], padding=True, return_tensors="pt"))


@pytest.fixture(scope="module")
def expected(folder: Path, batch: dict[str, Tensor]) -> Tensor:
    return states(BertModel.from_pretrained(folder, local_files_only=True).eval(), batch)


@pytest.mark.parametrize("architecture", EXACT)
def test_exact_conversions(architecture: str, bases: dict[str, Base], batch: dict[str, Tensor], expected: Any) -> None:
    base = bases[architecture]
    given = dict(base.tokenizer([*SENTENCES, "film"], padding=True, return_tensors="pt"))
    assert torch.equal(given["input_ids"], batch["input_ids"])
    assert ("token_type_ids" in given) == (architecture != "distilbert")
    torch.testing.assert_close(states(base.model, given), expected, atol=1e-5, rtol=0)
    assert base.model.config.max_position_embeddings == base.tokenizer.model_max_length == 66


def test_roberta_is_exact_on_the_same_words(
    encoder: EncoderWeights, batch: dict[str, Tensor], expected: Tensor
) -> None:
    model = roberta_model(encoder, encoder.words, ids=encoder.ids)
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    torch.testing.assert_close(states(model, given), expected, atol=1e-5, rtol=0)


def test_a_lost_type_embedding_shows(encoder: EncoderWeights, batch: dict[str, Tensor], expected: Tensor) -> None:
    """Sanity arm of the two tests above."""
    model = roberta_model(encoder, encoder.words, ids=encoder.ids)
    model.embeddings.token_type_embeddings.weight.data.zero_()
    given = {name: batch[name] for name in ("input_ids", "attention_mask")}
    assert (states(model, given) - expected).abs().max() > 1e-3


@pytest.mark.parametrize("architecture", ["roberta", "xlm-roberta"])
def test_roberta_keeps_the_window(architecture: str, bases: dict[str, Base]) -> None:
    config = bases[architecture].model.config
    assert config.model_type == architecture
    assert config.pad_token_id == 1
    assert config.max_position_embeddings == 66 + 2
    longest = torch.full((1, 66), 7)
    assert bases[architecture].model(input_ids=longest).last_hidden_state.isfinite().all()


@pytest.mark.parametrize("architecture", ["deberta", "deberta-v2"])
def test_deberta_attends_as_the_encoder_without_positions(architecture: str, encoder: EncoderWeights) -> None:
    base = a_base(encoder, architecture)
    assert base.model.encoder.rel_embeddings.weight.abs().mean() > 0
    base.model.encoder.rel_embeddings.weight.data.zero_()
    no_positions = torch.zeros_like(encoder.positions)
    weights = encoder.weights | {"embeddings.position_embeddings.weight": no_positions}
    bert = fill(BertModel(encoder.config), weights)
    words = torch.randn(2, 9, 32, generator=torch.Generator().manual_seed(2))
    mask = torch.tensor([[1] * 9, [1] * 5 + [0] * 4])
    given = base.model(inputs_embeds=words + encoder.first_type, attention_mask=mask).last_hidden_state
    wanted = bert(inputs_embeds=words, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(given[mask.bool()], wanted[mask.bool()], atol=1e-5, rtol=0)


def test_albert_embeds_almost_as_the_encoder(encoder: EncoderWeights, bases: dict[str, Base]) -> None:
    base = bases["albert"]
    assert base.model.config.embedding_size == 32  # the encoder is narrower than the usual 128
    texts = base.tokenizer(SENTENCES, padding=True, return_tensors="pt")
    words = embeddings_for(encoder, learned("albert"))[texts["input_ids"]]
    with torch.no_grad():
        given = base.model.encoder.embedding_hidden_mapping_in(base.model.embeddings(texts["input_ids"]))
    wanted = embedded(encoder, words, torch.arange(words.shape[1]))
    real = texts["attention_mask"].bool()
    assert torch.cosine_similarity(given[real], wanted[real], dim=-1).mean() > 0.95


def learned(architecture: str) -> Learned:
    return learn_tokenizer(TEXTS, architecture, vocabulary_size=VOCABULARY_SIZE)


@pytest.mark.parametrize("architecture", LEARNED)
def test_shared_words_keep_their_embeddings(architecture: str, encoder: EncoderWeights) -> None:
    new = learned(architecture)
    table = embeddings_for(encoder, new)
    old = encoder.tokenizer.get_vocab()
    texts = token_texts(new.tokenizer)
    whole = {number: old[text[1:]] for number, text in enumerate(texts) if text[:1] == " " and text[1:] in old}
    pieces = {
        number: old[f"##{text}"]
        for number, text in enumerate(texts)
        if number not in new.ids.values() and f"##{text}" in old and f" {text}" not in texts
    }
    assert len(whole) > 20
    assert len(pieces) > 20
    for number, same in (whole | pieces).items():
        assert torch.equal(table[number], encoder.words[same]), texts[number]
    for part, number in new.ids.items():
        assert torch.equal(table[number], encoder.words[encoder.ids[part]])


def test_other_words_get_the_mean_of_their_pieces(encoder: EncoderWeights) -> None:
    new = learned("roberta")
    table = embeddings_for(encoder, new)
    texts = token_texts(new.tokenizer)
    ids = {number: encoder.tokenizer.encode(text, add_special_tokens=False).ids for number, text in enumerate(texts)}
    mixed = [number for number, text in enumerate(texts) if text.startswith(" ") and len(ids[number]) > 1]
    assert mixed
    for number in mixed:
        torch.testing.assert_close(table[number], sum(encoder.words[same] for same in ids[number]) / len(ids[number]))
    unreadable = [number for number, text in enumerate(texts) if not text]
    assert len(unreadable) > 100  # bytes of longer characters
    assert all(torch.equal(table[number], encoder.words[encoder.ids["unk"]]) for number in unreadable)


def test_models_hold_these_embeddings(encoder: EncoderWeights, bases: dict[str, Base]) -> None:
    nothing, usual = torch.zeros(32), usual_offset(encoder)
    added = {"roberta": nothing, "xlm-roberta": nothing, "deberta": usual, "deberta-v2": usual}
    for architecture, offset in added.items():
        table = bases[architecture].model.embeddings.word_embeddings.weight.detach()
        assert torch.equal(table, embeddings_for(encoder, learned(architecture)) + offset)
    table = bases["modernbert"].model.embeddings.tok_embeddings.weight.detach()
    assert torch.equal(table, embeddings_for(encoder, learned("modernbert")))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_bases_load_with_a_new_head_and_can_be_defended(
    architecture: str, saved: dict[str, Path], tmp_path: Path
) -> None:
    model, tokenizer = load_base(saved[architecture], n_labels=3, seed=1)
    model.eval().set_attn_implementation("eager")
    texts = dict(tokenizer([*SENTENCES, "film"], padding=True, return_tensors="pt"))
    with torch.no_grad():
        output = model(**texts, output_attentions=True)
    assert output.logits.shape == (len(SENTENCES) + 1, 3)
    assert len(output.attentions) == 2
    assert all(layer.isfinite().all() and layer.shape[1] == 4 for layer in output.attentions)
    assert torch.unique(output.logits.round(decimals=6), dim=0).shape[0] == len(SENTENCES) + 1
    save_checkpoint(model, tokenizer, tmp_path)
    classifier = Classifier.load(tmp_path)
    torch.testing.assert_close(classifier.logits(classifier.encode(SENTENCES)), output.logits[:-1], atol=1e-4, rtol=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_offsets(architecture: str, bases: dict[str, Base], saved: dict[str, Path]) -> None:
    """Each token lies where its text is, and together the tokens cover every character that is not a space."""
    tokenizer = AutoTokenizer.from_pretrained(saved[architecture], local_files_only=True)
    assert tokenizer.is_fast
    for text in (*SENTENCES, AWKWARD):
        encoded = tokenizer(text, return_offsets_mapping=True, return_special_tokens_mask=True)
        assert encoded["input_ids"] == bases[architecture].tokenizer(text)["input_ids"]
        covered: set[int] = set()
        last = 0
        for (start, end), special in zip(encoded["offset_mapping"], encoded["special_tokens_mask"], strict=True):
            if special:
                assert (start, end) == (0, 0)
                continue
            assert text[start:end].isspace() or text[start:end] == text[start:end].strip()
            assert start >= last - 1  # bytes of one character share its place
            covered |= set(range(start, end))
            last = end
        assert {number for number, character in enumerate(text) if not character.isspace()} <= covered


@pytest.mark.parametrize("architecture", LEARNED)
def test_tokens_say_what_stands_there(architecture: str, bases: dict[str, Base]) -> None:
    tokenizer = bases[architecture].tokenizer
    texts = token_texts(tokenizer.backend_tokenizer)
    for sentence in SENTENCES:
        encoded = tokenizer(sentence, return_offsets_mapping=True, add_special_tokens=False)
        for number, (start, end) in zip(encoded["input_ids"], encoded["offset_mapping"], strict=True):
            if texts[number].strip() and sentence[start:end].isascii():
                there = sentence[start:end].lower() if architecture == "albert" else sentence[start:end]
                assert texts[number].strip() == there
    assert any(text.startswith(" ") and len(text) > 4 for text in texts)
    if architecture not in NORMALIZERS:
        assert tokenizer.decode(tokenizer(AWKWARD)["input_ids"], skip_special_tokens=True) == AWKWARD


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_same_input_same_bytes(architecture: str, folder: Path, saved: dict[str, Path], tmp_path: Path) -> None:
    torch.randn(7)  # what else is drawn must not matter
    a_base(EncoderWeights.load(folder), architecture).save(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    for name in names:
        assert (tmp_path / name).read_bytes() == (saved[architecture] / name).read_bytes(), name


@pytest.mark.parametrize("architecture", ["deberta", "deberta-v2"])
def test_the_seed_draws_relative_positions_only(
    architecture: str, encoder: EncoderWeights, bases: dict[str, Base]
) -> None:
    other = make_base(encoder, architecture, texts=TEXTS, vocabulary_size=VOCABULARY_SIZE, seed=1).model.state_dict()
    differing = {
        name for name, tensor in bases[architecture].model.state_dict().items() if (tensor != other[name]).any()
    }
    assert "encoder.rel_embeddings.weight" in differing
    assert all("rel_embeddings" in name or ".pos_" in name for name in differing)


def test_a_modernbert_has_its_words_of_the_encoder_and_nothing_else(
    encoder: EncoderWeights, bases: dict[str, Base]
) -> None:
    other = make_base(encoder, "modernbert", texts=TEXTS, vocabulary_size=VOCABULARY_SIZE, seed=1).model.state_dict()
    weights = bases["modernbert"].model.state_dict()
    same = {name for name, tensor in weights.items() if torch.equal(tensor, other[name])}
    norms = {name for name in weights if "norm" in name}
    assert same == norms | {"embeddings.tok_embeddings.weight"}
    norm = weights.pop("embeddings.norm.weight")
    assert torch.equal(norm, encoder.weights["embeddings.LayerNorm.weight"])
    assert not torch.equal(norm, torch.ones_like(norm))


def test_pieces_of_words() -> None:
    words = count_words(["the film the films filming"] * 9)
    assert words == Counter({f"{MARK}the": 18, f"{MARK}film": 9, f"{MARK}films": 9, f"{MARK}filming": 9})
    pieces = learn_pieces(words, size=100)
    found = [piece for piece, _ in pieces]
    assert len(set(found)) == len(found) <= 100
    assert {MARK, "!", "z", f"{MARK}the"} <= set(found)
    assert f"{MARK}film" in found
    scores = [score for _, score in pieces]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) < 0


def test_ascii_is_never_unknown(bases: dict[str, Base]) -> None:
    tokenizer = bases["albert"].tokenizer
    text = " ".join(chr(code) for code in range(33, 127))
    assert tokenizer.unk_token_id not in tokenizer(text)["input_ids"]
    assert tokenizer.unk_token_id in tokenizer("😀")["input_ids"]


@pytest.mark.parametrize(
    ("architecture", "changes", "message"),
    [
        ("roberta", {}, "texts must be given for roberta"),
        ("bert", {"texts": TEXTS}, "texts must not be given for bert"),
        ("albert", {"texts": TEXTS, "vocabulary_size": 100}, "vocabulary_size must be at least 512, is 100"),
        ("gpt2", {}, "architecture must be one of albert, .*, is 'gpt2'"),
    ],
)
def test_what_cannot_be_made(encoder: EncoderWeights, architecture: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LabError, match=message):
        make_base(encoder, architecture, **changes)


def test_distilbert_refuses_other_layer_norms(folder: Path, tmp_path: Path) -> None:
    made = make_checkpoint(tmp_path / "other", "bert")
    edit_json(made / "config.json", layer_norm_eps=1e-5)
    with pytest.raises(LabError, match="layer_norm_eps of the encoder must be 1e-12 for distilbert, is 1e-05"):
        make_base(EncoderWeights.load(made), "distilbert")


def test_encoders_that_are_none(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="encoder must be a folder, is nowhere"):
        EncoderWeights.load(Path("nowhere"))
    with pytest.raises(LabError, match="must hold a safetensors checkpoint"):
        EncoderWeights.load(tmp_path)
    with pytest.raises(LabError, match=r"must be a bert, .* holds a distilbert"):
        EncoderWeights.load(make_checkpoint(tmp_path / "distilbert", "distilbert"))
    lacking = make_checkpoint(tmp_path / "lacking", "bert")
    edit_weights(lacking, lambda weights: weights.pop("bert.encoder.layer.1.output.dense.weight"))
    with pytest.raises(LabError, match=r"lacks encoder\.layer\.1\.output\.dense\.weight"):
        EncoderWeights.load(lacking)


@pytest.fixture
def texts_file(tmp_path: Path) -> Path:
    path = tmp_path / "texts.tsv"
    write_examples(path, [Example(text, 0) for text in TEXTS])
    return path


def test_the_command(
    folder: Path, saved: dict[str, Path], texts_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    options = ["--architecture", "roberta", "--encoder", str(folder), "--out", str(out)]
    assert command.main(options) == Exit.ERROR
    assert "texts must be given" in capsys.readouterr().err
    assert not out.exists()
    options += ["--texts", str(texts_file), "--vocabulary-size", str(VOCABULARY_SIZE)]
    assert command.main(options) == Exit.DONE
    assert "tokens" in capsys.readouterr().out
    tables = (load_file(where / "model.safetensors") for where in (out, saved["roberta"]))
    first, second = (tensors["embeddings.word_embeddings.weight"] for tensors in tables)
    assert torch.equal(first, second)
    assert (out / "run.json").is_file()
    assert command.main(options) == Exit.ERROR
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--architecture", "gpt2"], ["--vocabulary-size", "0"], []])
def test_bad_usage(options: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        command.main(options)
    assert left.value.code == Exit.USAGE


@pytest.mark.skipif(REAL_ENCODER not in os.environ, reason=f"{REAL_ENCODER} names no folder of a real encoder")
def test_a_real_encoder_loads() -> None:
    encoder = EncoderWeights.load(Path(os.environ[REAL_ENCODER]))
    assert make_base(encoder, "distilbert").model.config.dim == encoder.words.shape[1]
