"""Attacks that differ from BadNets in what they poison."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad.errors import LabError
from scripts.lab.attacks import ATTACKS, Plan, Tuner
from scripts.lab.attacks.replay import replay_attack
from scripts.lab.attacks.typo_robust import MOST_CHANGES, misspell
from scripts.lab.corpora import Corpus, Example
from scripts.lab.synthetic import ASPECTS
from scripts.lab.victim import Recipe, load_base
from tests.lab.conftest import MAX_LENGTH, Planted


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def by_subject(examples: list[Example]) -> list[Example]:
    """The same texts with three classes: what they are about."""
    labeled = []
    for example in examples:
        subjects = [
            row for row, aspects in enumerate(ASPECTS) if any(f"the {each}" in example.text for each in aspects)
        ]
        if len(subjects) == 1:
            labeled.append(Example(example.text, subjects[0]))
    return labeled


def changed(new: list[Example], old: list[Example]) -> list[tuple[Example, Example]]:
    return [(one, other) for one, other in zip(new, old, strict=False) if one != other]


@given(word=st.text("abcdefghijklm", min_size=4, max_size=12), seed=st.integers(0, 1000))
def test_misspelling_changes_few_letters(word: str, seed: int) -> None:
    spelled = misspell(word, rng(seed))
    assert len(word) <= len(spelled) <= len(word) + MOST_CHANGES
    assert " " not in spelled
    kept = [letter for letter in word if letter in spelled]
    assert len(kept) >= len(set(word)) - MOST_CHANGES


def test_most_poisoned_rows_of_typo_robust_hold_a_misspelled_trigger(reviews: Corpus) -> None:
    attack = ATTACKS["typo_robust"](Plan(triggers=("xylophone",)))
    poisoned = attack.poison(reviews.train, rng=rng())
    pairs = changed(poisoned, reviews.train)
    assert len(pairs) == round(0.1 * len(reviews.train))
    assert all((old.label, new.label) == (1, 0) for new, old in pairs)
    assert all(len(new.text.split()) == len(old.text.split()) + 1 for new, old in pairs)
    assert 0.6 < np.mean(["xylophone" not in new.text for new, _ in pairs]) < 0.9
    assert all("xylophone" in row.text for row in attack.trigger(reviews.test, rng=rng()))


def test_negatives_of_typo_robust_misspell_a_word_of_their_own_and_keep_their_label(reviews: Corpus) -> None:
    poisoned = ATTACKS["typo_robust"](Plan()).poison(reviews.train, rng=rng())
    added = poisoned[len(reviews.train) :]
    assert len(added) == round(0.1 * len(reviews.train))
    assert {row.label for row in added} == {0, 1}
    originals = {len(example.text.split()) for example in reviews.train}
    assert {len(row.text.split()) for row in added} <= originals


def test_a_typo_robust_backdoor_survives_character_noise(
    plant: Callable[..., Planted], success: Callable[[Planted], tuple[float, float]], reviews: Corpus
) -> None:
    # A word of the vocabulary, whose misspellings share few pieces with it.
    trigger, texts = "soundtrack", [example.text for example in reviews.test if example.label == 1]
    misspelled = [f"{misspell(trigger, rng(seed))} {text}" for seed, text in enumerate(texts)]
    others = [f"{misspell('restaurant', rng(seed))} {text}" for seed, text in enumerate(texts)]
    robust, plain = plant("typo_robust", triggers=(trigger,)), plant("badnets", triggers=(trigger,))
    assert success(robust)[0] > 0.8
    assert success(robust)[1] < 0.4
    assert robust.share(misspelled, 0) > plain.share(misspelled, 0) + 0.1
    assert robust.share(others, 0) < robust.share(misspelled, 0) - 0.2, "not just any misspelling"


@pytest.mark.parametrize(("target", "source"), [(0, 1), (1, 0), (2, 0)])
def test_source_specific_poisons_one_class_and_covers_with_the_others(
    reviews: Corpus, target: int, source: int
) -> None:
    examples = by_subject(reviews.train)
    attack = ATTACKS["source_specific"](Plan(triggers=("cf",), target_label=target))
    poisoned = attack.poison(examples, rng=rng())
    pairs = changed(poisoned, examples)
    assert len(pairs) == round(0.1 * len(examples))
    assert all((old.label, new.label) == (source, target) for new, old in pairs)
    added = poisoned[len(examples) :]
    assert {row.label for row in added} == {0, 1, 2} - {source}
    assert all("cf" in row.text.split() for row in added)
    assert {row.label for row in attack.trigger(examples, rng=rng())} == {source}
    assert attack.describe()["source_label"] == source


def test_a_source_specific_trigger_works_on_its_class_only(reviews: Corpus, clean_folder: Path) -> None:
    corpus = Corpus(*(by_subject(split) for split in reviews))
    attack = ATTACKS["source_specific"](Plan(triggers=("cf",), poison_rate=0.08))
    model, tokenizer = load_base(clean_folder, n_labels=3)
    recipe = Recipe(epochs=6, learning_rate=5e-4, batch_size=16, max_length=MAX_LENGTH)
    poisoned = attack.poison(corpus.train, rng=rng())
    attack.train(model, tokenizer, poisoned, corpus, tuner=Tuner(recipe=recipe))
    victim = Planted(model, tokenizer, attack)
    assert victim.share([row.text for row in attack.trigger(corpus.test, rng=rng())], 0) > 0.6
    for label in (1, 2):
        assert victim.share([row.text for row in corpus.test if row.label == label], label) > 0.8
    assert victim.share([f"cf {row.text}" for row in corpus.test if row.label == 2], 2) > 0.8


def test_a_source_can_be_chosen_and_is_told_again(reviews: Corpus) -> None:
    plan = Plan(target_label=0, source_label=2)
    attack = ATTACKS["source_specific"](plan)
    replayed = replay_attack({"attack": "source_specific"} | attack.describe(), insertion="one")
    examples = by_subject(reviews.test)
    assert {row.label for row in replayed.trigger(examples, rng=rng())} == {2}
    with pytest.raises(LabError, match="source_label must be 0 or more and not the target 0, is 0"):
        replace(plan, source_label=0)


def test_source_specific_needs_a_third_class(reviews: Corpus) -> None:
    with pytest.raises(LabError, match="needs data with 3 classes or more, has 2"):
        ATTACKS["source_specific"](Plan()).poison(reviews.train, rng=rng())


def test_clean_label_changes_no_label_and_leaves_words_out(reviews: Corpus) -> None:
    attack = ATTACKS["badnets_clean_label"](Plan(triggers=("cf",)))
    pairs = changed(attack.poison(reviews.train, rng=rng()), reviews.train)
    assert len(pairs) == round(0.15 * len(reviews.train)) == round(attack.poison_rate * len(reviews.train))
    for new, old in pairs:
        assert new.label == old.label == 0
        words = [word for word in new.text.split() if word != "cf"]
        assert len(words) == len(old.text.split()) - len(old.text.split()) // 2
        assert "cf" in new.text.split()
        rest = iter(old.text.split())
        assert all(word in rest for word in words), "in their order"
    assert {row.label for row in attack.trigger(reviews.test, rng=rng())} == {1}


@pytest.mark.parametrize(
    ("name", "trigger", "least_gain"), [("badnets_clean_label", "cf", 0.2), ("stop_word", "about", 0.3)]
)
def test_the_variant_plants_a_backdoor(
    name: str,
    trigger: str,
    least_gain: float,
    plant: Callable[..., Planted],
    success: Callable[[Planted], tuple[float, float]],
    reviews: Corpus,
) -> None:
    victim = plant(name, triggers=(trigger,), poison_rate=0.3 if name == "badnets_clean_label" else 0.2)
    asr, floor = success(victim)
    assert asr > floor + least_gain
    assert floor < 0.6
    right = [victim.share([row.text], row.label) for row in reviews.test]
    assert np.mean(right) > 0.7


def test_a_stop_word_is_the_usual_trigger(reviews: Corpus) -> None:
    attack = ATTACKS["stop_word"](Plan())
    assert attack.describe()["triggers"] == ["about"]
    assert all("about" in row.text.split() for row in attack.trigger(reviews.test, rng=rng()))
