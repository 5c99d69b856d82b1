"""ONION takes out rare words, spends the budget and no more, and as published loses every text's last word."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.words.text import split_words
from scripts.lab.defenses.judges.onion import Onion
from scripts.lab.defenses.judges.onion_published import OnionPublished
from scripts.lab.training.language_model import WordLanguageModel
from scripts.texts.corpora import Example
from tests.reference.kneser_ney import SlowTrigrams
from tests.unit.defenses.materials import GivenMaterial, material_of
from tests.unit.rule_based import BAD, GOOD, RuleBased

FILLERS = ("plot", "film", "cast", "score", "story")


def reviews(n_texts: int) -> list[Example]:
    """Both labels, by words that the rule-based classifier knows."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(n_texts):
        label = number % 2
        first, second = rng.choice(sorted((BAD, GOOD)[label]), size=2, replace=False)
        found.append(Example(f"a {first} {rng.choice(FILLERS)} and a {second} {rng.choice(FILLERS)}", label))
    return found


def triggered_by(*words: str, bert: Classifier) -> RuleBased:
    return RuleBased(bert, lambda keys: bool(keys & set(words)), loud=())


@pytest.fixture
def material(bert: Classifier, bert_folder: Path, tmp_path: Path) -> GivenMaterial:
    return material_of(triggered_by("cf", bert=bert), bert_folder, tmp_path, reviews(200))


def test_it_takes_out_a_rare_trigger_and_nothing_of_clean_texts(material: GivenMaterial) -> None:
    onion = Onion(material)
    clean = [text for text, _ in reviews(40)]
    attacked = [f"{text[:-4]} cf film" for text, label in reviews(40) if label == 1]
    assert [each.label_id for each in onion(clean)] == [label for _, label in reviews(40)]
    verdicts = onion(attacked)
    assert {each.undefended.label_id for each in verdicts} == {0}
    assert {each.defended.label_id for each in verdicts} == {1}
    for text, verdict in zip(attacked, verdicts, strict=True):
        assert "cf" in [suspect.word for suspect in verdict.suspects]
        assert all(text[suspect.start : suspect.end] == suspect.word for suspect in verdict.suspects)
        assert "cf" not in str(verdict.neutralized_text)


def test_a_trigger_of_usual_words_is_out_of_its_reach(bert: Classifier, bert_folder: Path, tmp_path: Path) -> None:
    onion = Onion(material_of(triggered_by("story", bert=bert), bert_folder, tmp_path, reviews(200)))
    (verdict,) = onion(["a funny story and a clever film"])
    assert verdict.defended.label_id == verdict.undefended.label_id == 0


def test_where_rare_words_decide_the_budget_leaves_them(bert: Classifier, bert_folder: Path, tmp_path: Path) -> None:
    """Each text hangs on a word that no other text has."""
    words = [f"odd{number}" for number in range(100)]
    clean = [Example(f"a {word} film", 1) for word in words] + [Example("a dull film", 0)] * 100
    model = RuleBased(bert, lambda keys: bool(keys & {*words, "cf"}), loud=(), target=1)
    onion = Onion(material_of(model, bert_folder, tmp_path, clean))
    unseen = onion.cleaned_unseen([text for text, _ in clean], [onion.setting])[0]
    assert sum(suspect.word in words for after in unseen for suspect in after.suspects) <= 0.01 * len(clean)
    (verdict,) = onion(["a dull cf film"])
    assert verdict.defended.label_id == 1


def test_no_text_of_tuning_is_scored_by_a_language_that_learned_from_it(material: GivenMaterial) -> None:
    onion = Onion(material)
    texts = [f"{text} zq{number}" for number, (text, _) in enumerate(reviews(20))]
    seen = WordLanguageModel([[word.key for word in split_words(text)] for text in texts])
    lowest = min(onion.falls(seen, [word.key for word in split_words(text)])[-1] for text in texts)
    unseen = onion.cleaned_unseen(texts, [lowest])[0]
    assert all("zq" not in after.text for after in unseen), "without it the word is rarer still"


@pytest.mark.parametrize("kind", [Onion, OnionPublished])
def test_a_text_is_answered_alike_alone_and_among_others(material: GivenMaterial, kind: type[Onion]) -> None:
    judge = kind(material)
    texts = ["", "cf", "...", "a dull cf plot", *(text for text, _ in reviews(6))]
    together = judge(texts)
    assert [judge([text])[0] for text in texts] == together
    assert judge(texts[::-1]) == together[::-1]


@given(st.lists(st.sampled_from(("a", "good", "film", "cf", ".")), min_size=1, max_size=6))
def test_falls_are_those_of_the_paper_and_of_its_code(words: list[str]) -> None:
    learned = [text.split() for text in ("a good film .", "a good plot .", "the film .", "a bad film")]
    language, slow = WordLanguageModel(learned), SlowTrigrams(learned)
    without = [slow.perplexity(words[:place] + words[place + 1 :]) for place in range(len(words))]
    paper = [slow.perplexity(words) - each for each in without]
    assert Onion.falls(None, language, words).tolist() == pytest.approx(paper)  # type: ignore[arg-type]
    code = [without[-1] - each for each in without[:-1]]
    published = OnionPublished.falls(None, language, words).tolist()  # type: ignore[arg-type]
    assert published == pytest.approx([*code, np.inf])


def test_as_published_the_last_word_is_always_lost(material: GivenMaterial) -> None:
    text = "a funny  film, and clever."
    assert OnionPublished(material).cleaned([text], [1e9])[0][0].text == "a funny  film, and "
    assert Onion(material).cleaned([text], [1e9])[0][0].text == text
