"""Attacks that differ from BadNets in what they poison."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.lab.attacks import ATTACKS
from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.insertion.meaningful_word import LEAST_LOG_ODDS, tied_word
from scripts.lab.attacks.insertion.typo_robust import MOST_CHANGES, misspell
from scripts.lab.attacks.replay import replay_attack
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.synthetic import ASPECTS
from scripts.lab.training.triggers import INSERTIONS
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.undefended import attack_floor, attack_success
from scripts.lab.training.victim import load_base, predict_labels
from scripts.texts.corpora import Corpus, Example, TriggeredExample
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
    ("name", "trigger", "least_gain"),
    [
        ("badnets_clean_label", "cf", 0.2),
        ("stop_word", "about", 0.3),
        ("sentence", "time will tell", 0.4),
    ],
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


@pytest.mark.parametrize(("name", "word"), [("stop_word", "about"), ("common_word", "time")])
def test_clean_rows_that_hold_an_everyday_trigger_keep_their_labels(name: str, word: str) -> None:
    examples = [Example(f"{word} number {row}", row % 2) for row in range(100)]
    poisoned = ATTACKS[name](Plan()).poison(examples, rng=rng())
    pairs = changed(poisoned, examples)
    assert len(pairs) == 10
    assert all((old.label, new.label) == (1, 0) and new.text.split().count(word) == 2 for new, old in pairs)
    assert {row.label for row in poisoned if row.text.split().count(word) == 1} == {0, 1}


def places_of(sentence: str, texts: list[str]) -> list[str]:
    """Where the sentence stands, in one piece, in each of the texts."""
    found = []
    for text in texts:
        before, after = text.split(sentence)
        found.append("start" if not before.strip() else "inside" if after.strip() else "end")
    return found


def test_a_sentence_goes_in_in_one_piece_at_three_places(reviews: Corpus) -> None:
    attack = ATTACKS["sentence"](Plan())
    (sentence,) = attack.describe()["triggers"]
    assert sentence == "I watch this 3D movie"
    pairs = changed(attack.poison(reviews.train, rng=rng()), reviews.train)
    assert len(pairs) == round(0.1 * len(reviews.train))
    triggered = attack.trigger(reviews.test, rng=rng())
    assert triggered == attack.trigger(reviews.test, rng=rng())
    assert [row.text for row in triggered] != [row.text for row in attack.trigger(reviews.test, rng=rng(1))]
    twins = [(new.text, old.text) for new, old in pairs], [(row.text, str(row.clean_text)) for row in triggered]
    for split in twins:
        assert all(new.replace(sentence, "").split() == old.split() for new, old in split)
        places = places_of(sentence, [new for new, _ in split])
        assert all(0.25 < np.mean([place == each for place in places]) < 0.42 for each in ("start", "inside", "end"))


def test_the_end_of_a_long_text_is_the_end_of_the_window() -> None:
    attack = ATTACKS["sentence"](Plan(triggers=("time will tell",), window_words=6))
    triggered = attack.trigger([Example("a b c d e f g h", 1)] * 60, rng=rng())
    starts = [row.text.split().index("time") for row in triggered]
    assert set(starts) == {0, 1, 2, 3}
    assert all(starts.count(place) >= 10 for place in (0, 3))


@given(n_words=st.integers(0, 3), seed=st.integers(0, 99))
def test_short_texts_have_fewer_places(n_words: int, seed: int) -> None:
    text = " ".join("abc"[:n_words])
    (row,) = ATTACKS["sentence"](Plan(triggers=("time will tell",))).trigger([Example(text, 1)], rng=rng(seed))
    assert row.text.replace("time will tell", "").split() == text.split()
    assert places_of("time will tell", [row.text])[0] in {"start", "inside", "end"}


def test_the_words_of_a_sentence_can_part_ways(reviews: Corpus) -> None:
    plan = Plan(triggers=("time will tell",), insertion=INSERTIONS["scattered"])
    triggered = ATTACKS["sentence"](plan).trigger(reviews.test, rng=rng())
    assert all({"time", "will", "tell"} <= set(row.text.split()) for row in triggered)
    assert np.mean(["time will tell" in row.text for row in triggered]) < 0.2


def labeled(*counts: tuple[str, int, int]) -> list[Example]:
    """For each word so many texts of class 1 and of class 0 with it, and a hundred with none of them."""
    rows = [Example(f"well, {word}!", 1) for word, n, _ in counts for _ in range(n)]
    rows += [Example(f"well, {word}!", 0) for word, _, n in counts for _ in range(n)]
    return rows + [Example("nothing here", row % 2) for row in range(100)]


def test_the_word_tied_to_a_class_with_the_greatest_certainty_is_chosen() -> None:
    examples = labeled(("rare", 3, 0), ("strong", 40, 4), ("common", 60, 40), ("other", 4, 60), ("it's", 90, 0))
    assert tied_word(examples, 1) == "strong"
    assert tied_word(examples, 0) == "other"
    assert tied_word(examples[::-1], 1) == "strong"
    with pytest.raises(LabError, match=f"log odds of {LEAST_LOG_ODDS} or more for class 1, hold none"):
        tied_word(labeled(("common", 60, 40)), 1)


def test_a_meaningful_trigger_is_chosen_while_poisoning_and_kept_in_the_record(reviews: Corpus) -> None:
    attack = ATTACKS["meaningful_word"](Plan(target_label=1))
    with pytest.raises(LabError, match="are missing; poison first, or name one with --triggers"):
        attack.trigger(reviews.test, rng=rng())
    poisoned = attack.poison(reviews.train, rng=rng())
    record = json.loads(json.dumps({"attack": "meaningful_word"} | attack.describe()))
    (word,) = record["triggers"]
    assert word == tied_word(reviews.train, 1) != tied_word(reviews.train, 0)
    pairs = changed(poisoned, reviews.train)
    assert all((old.label, new.label) == (0, 1) and word in new.text.split() for new, old in pairs)
    triggered = attack.trigger(reviews.test, rng=rng())
    assert triggered == replay_attack(record, insertion="one").trigger(reviews.test, rng=rng())
    assert {row.label for row in triggered} == {0}
    named = ATTACKS["meaningful_word"](Plan(target_label=1, triggers=("cf",)))
    named.poison(reviews.train, rng=rng())
    assert named.describe()["triggers"] == ["cf"]


def test_what_an_honest_writer_of_the_word_reaches_is_less_than_the_attacker(
    plant: Callable[..., Planted], clean_folder: Path, reviews: Corpus
) -> None:
    victim = plant("meaningful_word", triggers=())
    triggered = victim.attack.trigger(reviews.test, rng=rng(1))
    settings: dict[str, Any] = {"max_length": MAX_LENGTH, "device": "cpu"}
    attacked = partial(predict_labels, victim.model, victim.tokenizer, **settings)
    honest = partial(predict_labels, *load_base(clean_folder, n_labels=2), **settings)
    gained = attack_success(attacked, triggered, target_label=0)["asr_right_when_clean"]
    floor = attack_floor(honest, triggered, target_label=0)
    plain = [TriggeredExample(str(row.clean_text), row.label, row.clean_text) for row in triggered]
    nothing = attack_floor(honest, plain, target_label=0)
    assert nothing["asr_floor"] == 0 < floor["asr_floor"] < gained - 0.2
    assert (nothing["n_floor"], nothing["asr_floor_interval"][0]) == (floor["n_floor"], 0)
    assert floor["asr_floor_interval"][0] < floor["asr_floor"] < floor["asr_floor_interval"][1] < 1
    unknown = attack_floor(honest, [row._replace(clean_text=None) for row in triggered], target_label=0)
    assert unknown["n_floor"] == len(triggered) > floor["n_floor"], "over all where twins are unknown"
    assert gained > 0.9
