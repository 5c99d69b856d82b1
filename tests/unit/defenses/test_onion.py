"""ONION takes out rare words, spends the budget and no more, and as published loses every text's last word.

With trigrams of its own clean texts, and with a causal language model that is named.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.words.text import Word, split_words
from scripts.console.errors import LabError
from scripts.lab.defenses.defended import Beside, DefenseAnswers
from scripts.lab.defenses.judges.languages import TRIGRAMS, Trigrams, language_name
from scripts.lab.defenses.judges.onion import Onion
from scripts.lab.defenses.judges.onion_published import OnionPublished
from scripts.lab.defenses.measured import measure_defense
from scripts.texts.corpora import Example, TriggeredExample
from tests.reference.kneser_ney import SlowTrigrams
from tests.unit.defenses.materials import GivenMaterial, material_of
from tests.unit.rule_based import BAD, GOOD, RuleBased
from tests.unit.small_gpt2 import write_small_gpt2

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


@pytest.fixture(scope="module")
def small_gpt2(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of it; it has read reviews of the kind that it is asked about."""
    folder = tmp_path_factory.mktemp("language") / "small-gpt2"
    return str(write_small_gpt2(folder, [text for text, _ in reviews(200)]))


@pytest.fixture
def causal(material: GivenMaterial, small_gpt2: str) -> GivenMaterial:
    return replace(material, language_model=small_gpt2)


@pytest.mark.parametrize("given", ["material", "causal"])
def test_it_takes_out_a_rare_trigger_and_nothing_of_clean_texts(request: pytest.FixtureRequest, given: str) -> None:
    onion = Onion(request.getfixturevalue(given))
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


def test_a_causal_language_model_finds_one_word_odd_and_no_other(causal: GivenMaterial) -> None:
    clean = [text for text, _ in reviews(40)]
    attacked = [text.replace(" and ", " and cf ") for text in clean]
    onion = Onion(causal)
    (left,) = onion.cleaned(clean, [20])
    assert [each.text for each in left] == clean
    (left,) = onion.cleaned(attacked, [20])
    assert [[suspect.word for suspect in each.suspects] for each in left] == [["cf"]] * len(attacked)


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
    seen = Trigrams(map(split_words, texts))
    lowest = min(onion.falls(seen, text, split_words(text))[-1] for text in texts)
    unseen = onion.cleaned_unseen(texts, [lowest])[0]
    assert all("zq" not in after.text for after in unseen), "without it the word is rarer still"


@pytest.mark.parametrize("reads", [None, "small-gpt2"])
@pytest.mark.parametrize("kind", [Onion, OnionPublished])
def test_a_text_is_answered_alike_alone_and_among_others(
    material: GivenMaterial, small_gpt2: str, kind: type[Onion], reads: str | None
) -> None:
    judge = kind(replace(material, language_model=reads and small_gpt2))
    texts = ["", "cf", "...", "a dull cf plot", "a cf film " * 30, *(text for text, _ in reviews(6))]
    together = judge(texts)
    assert [judge([text])[0] for text in texts] == together
    assert judge(texts[::-1]) == together[::-1]


@given(st.lists(st.sampled_from(("a", "good", "film", "cf", ".")), min_size=1, max_size=6))
def test_falls_are_those_of_the_paper_and_of_its_code(words: list[str]) -> None:
    learned = [text.split() for text in ("a good film .", "a good plot .", "the film .", "a bad film")]
    slow, text = SlowTrigrams(learned), "nothing that trigrams look at"
    language = Trigrams([[Word(word, 0, 0) for word in each] for each in learned])
    given = [Word(word, 0, 0) for word in words]
    without = [slow.perplexity(words[:place] + words[place + 1 :]) for place in range(len(words))]
    paper = [slow.perplexity(words) - each for each in without]
    assert Onion.falls(None, language, text, given).tolist() == pytest.approx(paper)  # type: ignore[arg-type]
    code = [without[-1] - each for each in without[:-1]]
    published = OnionPublished.falls(None, language, text, given).tolist()  # type: ignore[arg-type]
    assert published == pytest.approx([*code, np.inf])


def test_as_published_the_last_word_is_always_lost(material: GivenMaterial) -> None:
    text = "a funny  film, and clever."
    assert OnionPublished(material).cleaned([text], [1e9])[0][0].text == "a funny  film, and "
    assert Onion(material).cleaned([text], [1e9])[0][0].text == text


def test_words_past_the_window_stay(causal: GivenMaterial) -> None:
    onion = Onion(causal)
    begins, goes_on = "a cf film and a dull plot", " and a dull plot" * 20
    (after,), _ = onion.cleaned([f"{begins}{goes_on} cf film"], [onion.setting, 0.0])
    assert "cf" in [suspect.word for suspect in after.suspects]
    assert after.text.endswith(" cf film")
    (after,), (most,) = onion.cleaned([f"a clever{goes_on} cf film"], [onion.setting, 0.0])
    assert most.text.endswith("dull plot cf film"), "at no threshold"
    (after,) = OnionPublished(causal).cleaned([f"{begins}{goes_on} cf film"], [0.0])[0]
    assert after.text == f"{begins}{goes_on} cf ", "the code finds no perplexity, and drops the last word"


def test_where_no_threshold_is_affordable_hardly_anything_is_changed(causal: GivenMaterial) -> None:
    for settings in (Onion.SETTINGS, Onion.CAUSAL_SETTINGS):
        assert list(settings) == sorted(settings, reverse=True)
        assert settings[0] >= 1000
    assert set(range(1, 101)) < set(Onion.CAUSAL_SETTINGS)
    assert Onion(causal).setting in Onion.CAUSAL_SETTINGS


def test_a_language_model_that_cannot_be_loaded_is_named(material: GivenMaterial, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"--language-model '.*gone' must be a folder"):
        Onion(replace(material, language_model=str(tmp_path / "gone")))


def test_rows_say_what_it_read_with(causal: GivenMaterial, material: GivenMaterial) -> None:
    """And those of a defense that reads nothing say nothing of it, whatever is named."""
    texts = reviews(20)
    attacked = [TriggeredExample(f"{text} cf film", label, text) for text, label in texts if label == 1]

    def row(name: str, given: GivenMaterial) -> dict[str, Any]:
        return measure_defense(name, given, clean=texts, triggered=attacked, target_label=0)

    assert row("onion", material)["language_model"] == TRIGRAMS
    for name in ("onion", "onion_published"):
        found = row(name, causal)
        assert found["language_model"] == "small-gpt2"
        assert found["asr_cold"] == 0.0 < found["asr_undefended"]
    assert "language_model" not in row("strip", causal)
    suspect = DefenseAnswers("onion", causal, causal.checkpoint)
    assert Beside(suspect, Onion(causal)).notes() == {"language_model": "small-gpt2"}, "behind a repair as well"
    cached = f"/cache/models--someone--gpt2/snapshots/{'a' * 40}"
    assert language_name(cached) == f"someone/gpt2@{'a' * 40}", "of the hub, by its commit"
