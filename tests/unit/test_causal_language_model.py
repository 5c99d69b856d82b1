"""A causal language model gives every text the perplexity that a plain loop finds, and refuses what it cannot be."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertForMaskedLM, GPT2LMHeadModel

from handler.xgraad.errors import TextError
from handler.xgraad.words.text import Word, split_words
from scripts.console.errors import LabError
from scripts.lab.training import causal_language_model
from scripts.lab.training.causal_language_model import CausalLanguageModel, text_without
from tests.unit.small_gpt2 import WINDOW, write_small_gpt2

LEARNED = ["the plot is thin", "a film about a café", "the film is a clever one (twice)", "don't, they said: a plot"]
TEXTS = st.text(st.sampled_from(" abcft.,’é中🙂\n"), max_size=24) | st.lists(
    st.sampled_from(["the", "plot", "cf", "film,", "is", "(twice)", "a", "x" * 30]), max_size=9
).map(" ".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_gpt2(tmp_path_factory.mktemp("language") / "small", LEARNED)


@pytest.fixture(scope="module")
def language(folder: Path) -> CausalLanguageModel:
    return CausalLanguageModel.load(folder)


@pytest.fixture(scope="module")
def plain(folder: Path) -> Callable[[str], float]:
    """The perplexity of a text as it is defined: each token alone, after those before it."""
    model, tokenizer = GPT2LMHeadModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)

    def perplexity(text: str) -> float:
        ids = tokenizer(text)["input_ids"][:WINDOW] if text else []
        product, n_scored = 1.0, len(ids) - 1
        for place in range(1, len(ids)):
            with torch.no_grad():
                logits = model(input_ids=torch.tensor([ids[:place]])).logits[0, -1]
            product *= float(logits.softmax(dim=-1)[ids[place]]) ** (1 / n_scored)
        return 1 / product if n_scored > 0 else math.nan

    return perplexity


@settings(max_examples=25)
@given(text=TEXTS, batch_tokens=st.sampled_from([1, 40, 1024]))
def test_it_says_what_a_plain_loop_says(
    language: CausalLanguageModel,
    plain: Callable[[str], float],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    batch_tokens: int,
) -> None:
    """However many are read at once, and so however much they are padded."""
    monkeypatch.setattr(causal_language_model, "BATCH_TOKENS", batch_tokens)
    words = split_words(text)
    end = _last_whole(language, text, words)
    read = text if end == len(words) else text[: words[end - 1].end if end else 0]
    assert language.perplexity(text, words) == pytest.approx(plain(read), rel=1e-4, nan_ok=True)
    expected = [plain(text_without(read, word)) for word in words[:end]] + [math.nan] * (len(words) - end)
    assert language.perplexities_without(text, words).tolist() == pytest.approx(expected, rel=1e-4, nan_ok=True)


def _last_whole(language: CausalLanguageModel, text: str, words: tuple[Word, ...]) -> int:
    """How many words lie whole in the window, counted in bytes, tokens of which are whole in the toy's tokenizer."""
    offsets = language._tokenizer(text, return_offsets_mapping=True)["offset_mapping"][:WINDOW] if text else []
    return sum(any(end >= word.end for _, end in offsets) for word in words)


def test_an_odd_word_raises_perplexity(language: CausalLanguageModel) -> None:
    text = "the film cf is a clever one (twice)"
    words = split_words(text)
    assert language.perplexity(text, words) > 3 * language.perplexity(LEARNED[2], split_words(LEARNED[2]))
    without = language.perplexities_without(text, words)
    assert without.argmin() == 2
    assert without[2] == pytest.approx(language.perplexity(LEARNED[2], split_words(LEARNED[2])))


@pytest.mark.parametrize("text", ["", " ", "a", "..."])
def test_a_text_of_one_token_has_no_perplexity(language: CausalLanguageModel, text: str) -> None:
    words = split_words(text)
    assert math.isnan(language.perplexity(text, words)) == (text != "...")
    assert np.isnan(language.perplexities_without(text, words)).all()
    assert len(language.perplexities_without(text, words)) == len(words)


def test_nothing_past_the_window_counts(language: CausalLanguageModel) -> None:
    text = "the plot is thin " * 40
    words = split_words(text)
    without = language.perplexities_without(text, words)
    n_read = int(np.isfinite(without).sum())
    assert 20 < n_read <= WINDOW
    assert np.isfinite(without[:n_read]).all()
    other = text[: words[n_read - 1].end] + " cf cf cf"
    assert language.perplexity(other, split_words(other)) == language.perplexity(text, words)
    assert language.perplexities_without(other, split_words(other))[:n_read].tolist() == without[:n_read].tolist()
    long_word = "x" * 500
    assert np.isnan(language.perplexities_without(long_word, split_words(long_word))).all()


def test_a_text_that_no_tokenizer_takes_is_refused(language: CausalLanguageModel) -> None:
    with pytest.raises(TextError, match="lone surrogate"):
        language.perplexity("a \ud800 film", [])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a cf film", "a film"),
        ("cf film", "film"),
        ("a cf", "a"),
        ("cf", ""),
        ("(cf film)", "(film)"),
        ("a film, cf.", "a film,."),
        ("cf, a film", ", a film"),
        ("a  cf\tfilm", "a \tfilm"),
        ("中cf中", "中中"),
    ],
)
def test_a_word_goes_with_one_white_space(text: str, left: str) -> None:
    (word,) = (word for word in split_words(text) if word.text == "cf")
    assert text_without(text, word) == left


def changed(folder: Path, out: Path, **entries: object) -> Path:
    """A copy with other entries in its config."""
    copytree(folder, out)
    config = json.loads((out / "config.json").read_text())
    (out / "config.json").write_text(json.dumps(config | entries))
    return out


def refusal(folder: Path | str) -> str:
    with pytest.raises(LabError) as refused:
        CausalLanguageModel.load(folder)
    said = str(refused.value)
    assert said.startswith(f"--language-model '{folder}' must ")
    assert "\n" not in said
    return said


def test_what_is_no_causal_language_model_is_refused(folder: Path, bert_folder: Path, tmp_path: Path) -> None:
    """In a line each; the folder itself loads, see above."""
    assert "must be a folder with a safetensors checkpoint" in refusal(tmp_path / "gone")
    pickled = copytree(folder, tmp_path / "pickled")
    torch.save(GPT2LMHeadModel.from_pretrained(folder).state_dict(), pickled / "pytorch_model.bin")
    (pickled / "model.safetensors").unlink()
    assert "no file named model.safetensors" in refusal(pickled)
    bare = copytree(folder, tmp_path / "bare")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (bare / name).unlink()
    assert "must have a tokenizer with a vocabulary" in refusal(bare)
    assert "must have every weight of its config, lacks " in refusal(bert_folder)
    assert "lacks transformer.h.2." in refusal(changed(folder, tmp_path / "three", n_layer=3))
    encoder = copytree(bert_folder, tmp_path / "encoder")
    BertForMaskedLM.from_pretrained(bert_folder).save_pretrained(encoder)
    assert "must read from left to right, as GPT-2 does, is an encoder of type 'bert'" in refusal(encoder)
    assert "for this kind of AutoModel: AutoModelForCausalLM" in refusal(
        changed(bert_folder, tmp_path / "distilbert", model_type="distilbert")
    )


def test_weights_and_tokenizer_must_be_of_one_model(folder: Path, bert_folder: Path, tmp_path: Path) -> None:
    mixed = copytree(folder, tmp_path / "mixed")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<new>"])
    tokenizer.save_pretrained(mixed)
    assert f"must know every token of its tokenizer, knows {len(tokenizer) - 1} of {len(tokenizer)}" in refusal(mixed)


@pytest.mark.parametrize(
    "entries",
    [
        {"n_layer": "two"},
        {"n_head": 3},
        {"model_type": 5},
        {"model_type": "nothing"},
        {"n_embd": -1},
        {"vocab_size": 3},
        {"quantization_config": {"quant_method": "gptq", "bits": 4}},
        {"auto_map": {"AutoModelForCausalLM": "code.Model"}, "model_type": "own"},
    ],
    ids=str,
)
def test_a_strange_config_is_told_in_a_line(folder: Path, tmp_path: Path, entries: dict[str, object]) -> None:
    refusal(changed(folder, tmp_path / "strange", **entries))
