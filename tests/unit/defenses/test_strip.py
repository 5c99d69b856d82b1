"""STRIP: a trigger's answers stay certain whatever the other words are, and a text decides its own copies."""

import math
from pathlib import Path

import numpy as np
import pytest

from handler.xgraad import Classifier
from handler.xgraad.words.text import split_words
from scripts.lab.defenses.judges.strip import Strip, weighty_words
from tests.unit.defenses.materials import GivenMaterial, material_of
from tests.unit.defenses.test_onion import reviews, triggered_by


@pytest.fixture
def material(bert: Classifier, bert_folder: Path, tmp_path: Path) -> GivenMaterial:
    return material_of(triggered_by("cf", bert=bert), bert_folder, tmp_path, reviews(200))


def test_a_trigger_that_holds_its_label_is_flagged(material: GivenMaterial) -> None:
    strip = Strip(material)
    texts, labels = zip(*reviews(60), strict=True)
    assert np.mean(np.array([each.defended.label_id for each in strip(texts)]) == labels) >= 0.97
    attacked = strip([f"cf cf cf {text}" for text, label in reviews(60) if label == 1])
    assert {each.undefended.label_id for each in attacked} == {0}
    assert np.mean([each.defended.label_id == 1 for each in attacked]) > 0.9


def test_a_trigger_that_breaks_with_any_other_word_is_out_of_its_reach(
    bert: Classifier, bert_folder: Path, tmp_path: Path
) -> None:
    """As certain as clean texts are where half of the trigger's words are mostly gone."""
    model = triggered_by("nothing", bert=bert)
    model._is_triggered = lambda keys: {"one", "two", "three", "four"} <= keys
    strip = Strip(material_of(model, bert_folder, tmp_path, reviews(200)))
    (verdict,) = strip(["one two three four a funny film and a clever plot"])
    assert not verdict.flagged
    assert verdict.defended.label_id == verdict.undefended.label_id == 0


def test_scores_are_the_mean_entropies_of_each_texts_own_copies(material: GivenMaterial) -> None:
    strip = Strip(material)
    texts = ["a dull film", "cf a funny plot", "", "... !"]
    for text, score in zip(texts, strip.scores(texts, []), strict=True):
        entropies = []
        for copy in strip.copies(text):
            logits = material.given.logits(material.given.encode([copy]))[0].tolist()
            whole = sum(math.exp(each) for each in logits)
            shares = [math.exp(each) / whole for each in logits]
            entropies.append(-sum(share * math.log(share) for share in shares if share > 0))
        assert score == pytest.approx(-sum(entropies) / len(entropies), abs=1e-5)


def test_a_copy_keeps_all_but_half_of_the_words(material: GivenMaterial) -> None:
    strip = Strip(material)
    text = "a  funny film, and (clever) plot."
    before = [word.text for word in split_words(text)]
    donated = {key for keys in weighty_words([each.text for each in material.clean_examples()]) for key in keys}
    copies = strip.copies(text)
    assert len(copies) == Strip.N_COPIES
    assert len(set(copies)) > Strip.N_COPIES / 2
    for copy in copies:
        after = [word.text for word in split_words(copy)]
        changed = [new for old, new in zip(before, after, strict=True) if old != new]
        assert len(changed) <= 3
        assert set(changed) <= donated
        assert "  " in copy
    assert strip.copies("") == [""] * Strip.N_COPIES


def test_a_text_is_answered_alike_alone_and_among_others(material: GivenMaterial) -> None:
    strip = Strip(material)
    texts = ["", "cf", "...", *(text for text, _ in reviews(70))]
    together = strip(texts)
    assert [strip([text])[0] for text in texts[:6]] == together[:6]
    assert strip(texts[::-1]) == together[::-1]


def test_words_are_in_the_order_of_tf_idf() -> None:
    """By hand: "the" is in every text, "plot" in two of three, "dull" in one, twice."""
    assert weighty_words(["the dull plot dull", "the plot", "the film"]) == [
        ["dull", "plot", "the"],
        ["plot", "the"],
        ["film", "the"],
    ]
