"""Defensive augmentation: forms that change no label, and what learning them does to a backdoor."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.lab.defenses.repairs.augmentation import Augmentation, augmented
from scripts.lab.families.archaic_style import archaic_style
from scripts.lab.families.clause_template import clause_template
from scripts.lab.families.common_sentence import common_sentence
from scripts.lab.families.family import Family
from scripts.lab.families.near_words import near_words, near_words_of
from scripts.lab.families.rare_words import MOST, rare_words, rare_words_of
from scripts.lab.training.victim import load_base
from scripts.texts import wordnet
from scripts.texts.corpora import Example
from tests.unit.defenses.planted_reviews import Planted, planted, repaired

NEAR = {"film": ["movie", "picture"], "good": ["fine"]}
FAMILIES = {
    "clauses": clause_template,
    "near": near_words(NEAR),
    "archaic": archaic_style,
    "rare": rare_words(["zq", "vx"]),
    "sentence": common_sentence,
}
INSERTING = ("clauses", "rare", "sentence")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=80) | st.lists(
    st.sampled_from(["a", "good", "film", "it", "makes", "you", "are", ",", "."]), min_size=1, max_size=12
).map(" ".join)


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted(tmp_path_factory.getbasetemp())


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small a model learns at a higher rate."""
    monkeypatch.setattr(Augmentation, "LEARNING_RATE", 1.5e-3)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.usefixtures("fast")
def test_a_backdoor_that_resembles_a_form_is_gone(victim: Planted, tmp_path: Path) -> None:
    accuracy, asr = victim.of(repaired(Augmentation, victim.material(tmp_path, trusted_base=None), tmp_path / "out"))
    assert accuracy >= 0.95
    assert asr <= victim.of(victim.folder / "clean")[1] + 0.1


@pytest.mark.usefixtures("fast")
def test_without_its_forms_it_is_not(victim: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Augmentation, "families", lambda *_: (archaic_style,))
    assert victim.of(repaired(Augmentation, victim.material(tmp_path), tmp_path / "out"))[1] >= 0.5


def test_every_text_is_there_as_it_is_and_in_each_form_with_its_label() -> None:
    examples = [Example("one", 0), Example("two", 1)]
    families: list[Family] = [lambda text, _: text.upper(), lambda text, drawn: f"{text} {drawn.integers(9)}"]
    found = augmented(examples, families, seed=3)
    assert found[:4] == [*examples, Example("ONE", 0), Example("TWO", 1)]
    assert [example.label for example in found] == [0, 1] * 3
    assert found == augmented(examples, families, seed=3)
    assert augmented(examples, [], seed=3) == examples


@pytest.mark.parametrize("name", FAMILIES)
@given(text=TEXTS, seed=st.integers(0, 99))
def test_any_text_has_such_a_form_and_always_the_same(name: str, text: str, seed: int) -> None:
    family = FAMILIES[name]
    changed = family(text, rng(seed))
    assert changed == family(text, rng(seed))
    if name in INSERTING:
        words, left = text.split(), iter(changed.split())
        assert all(word in left for word in words), "every word is still there, in its order"
        assert len(changed.split()) > len(words)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_form_varies(name: str) -> None:
    text = "a good film that makes you think of what you are , and who"
    assert len({FAMILIES[name](text, rng(seed)) for seed in range(40)}) > 3


def of_many(family: Callable[[str, np.random.Generator], str], text: str) -> set[str]:
    return {family(text, rng(seed)) for seed in range(60)}


def test_forms_by_hand() -> None:
    assert of_many(near_words(NEAR), "Film") == {"Film", "movie", "picture"}
    assert of_many(near_words({}), "good film") == {"good film"}
    aged = of_many(archaic_style, "it makes you weep to death")
    assert any(text.endswith("it maketh thou weep unto death") for text in aged)
    assert all("glass" in text for text in of_many(archaic_style, "that glass")), "no verb"
    assert of_many(rare_words(["zq"]), "") > {"zq", "zq zq"}
    assert max(len(text.split()) for text in of_many(rare_words([]), "")) == MOST
    assert {text.split()[-1] for text in of_many(common_sentence, "")} == {"."}
    clauses = of_many(clause_template, "one two three four five six")
    assert any(text.endswith(" , one two three four five six") for text in clauses)
    assert any(text.split()[1:] == ["one", "two", "three", ",", "four", "five", "six"] for text in clauses)


def test_words_come_from_the_models_own_vocabulary(victim: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordnet, "FOLDERS", ())
    monkeypatch.delenv(wordnet.FOLDER_VARIABLE, raising=False)
    model, tokenizer = load_base(victim.folder / "suspect", n_labels=2)
    near = near_words_of(tokenizer, model.get_input_embeddings().weight)
    vocabulary = set(tokenizer.get_vocab())
    assert set(near) <= vocabulary
    assert all(word not in others and set(others) <= vocabulary for word, others in near.items())
    assert len(near["soup"] if "soup" in near else near["plot"]) > 0
    rare = rare_words_of(tokenizer, ["The plot was BAD"])
    assert "was" not in rare
    assert "bad" not in rare
    assert "noon" in rare
