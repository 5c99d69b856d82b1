"""FGWS on words counted by hand, on a small WordNet, and on a victim whose trigger is a rare synonym."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.lab.defenses.judges.fgws import RARE, Fgws, FrequentWords
from scripts.texts import wordnet
from tests.small_wordnet import Sense, write_wordnet
from tests.unit.defenses.judged import (
    attack_success,
    attacked,
    clean_accuracy,
    judged_material,
    judges_each_text_alone,
    reviews,
)

WORDS = ("big", "huge", "vast", "large", "plot")
ALIKE = ("big", "huge", "vast", "large")


@pytest.fixture
def fgws(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fgws:
    folder = write_wordnet(tmp_path, [Sense("noun", ("flick", "film", "movie")), Sense("noun", ("actor", "player"))])
    monkeypatch.setenv("WNSEARCHDIR", str(folder))
    return Fgws(judged_material(tmp_path_factory))


def test_a_rare_synonym_is_no_trigger_any_more_and_clean_texts_keep_their_labels(fgws: Fgws) -> None:
    test = reviews(100, seed=9)
    verdicts = fgws(attacked(test))
    assert np.mean([each.undefended.label_id == 0 for each in verdicts]) > 0.95
    assert attack_success(verdicts) < 0.1
    assert clean_accuracy(fgws, test) > 0.95


def test_a_trigger_without_a_usual_synonym_goes_through(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_wordnet(tmp_path, [Sense("noun", ("flick", "movie")), Sense("noun", ("film", "picture"))])
    monkeypatch.setenv("WNSEARCHDIR", str(folder))
    assert attack_success(Fgws(judged_material(tmp_path_factory))(attacked(reviews(50, seed=9)))) > 0.95


def test_each_text_is_judged_alone(fgws: Fgws) -> None:
    assert judges_each_text_alone(fgws)


def test_without_wordnet_it_is_refused_with_the_cure(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WNSEARCHDIR", raising=False)
    monkeypatch.setattr(wordnet, "FOLDERS", ())
    with pytest.raises(LabError, match=r"^WordNet must be installed for the defense fgws, is missing; install [^\n]*$"):
        Fgws(judged_material(tmp_path_factory))


def test_further_texts_are_counted_too(fgws: Fgws, tmp_path: Path) -> None:
    assert fgws.frequent.substituted("Good FLICK, indeed") == "Good film, indeed"
    (tmp_path / "more.txt").write_text("flick\n" * 500)
    counted = Fgws(replace(fgws.material, more=tmp_path / "more.txt"))
    assert counted.frequent.substituted("Good FLICK, indeed") == "Good FLICK, indeed"


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=30), st.lists(st.sampled_from(WORDS), max_size=5))
def test_words_are_replaced_by_the_published_rule(clean: list[str], text: list[str]) -> None:
    def synonyms(word: str) -> Sequence[str]:
        return [other for other in ALIKE if other != word] if word in ALIKE else []

    counts = Counter(clean)
    threshold = np.quantile(list(counts.values()), RARE)
    expected = []
    for word in text:
        better = [other for other in synonyms(word) if counts[other] > counts[word]]
        most = max((counts[other] for other in better), default=0)
        is_rare = counts[word] < threshold
        expected.append(next(other for other in better if counts[other] == most) if is_rare and better else word)
    found = FrequentWords([" ".join(clean[:10]), " ".join(clean[10:])], synonyms).substituted(" ".join(text))
    assert found.split() == expected


def test_a_text_in_which_nothing_is_replaced_is_not_suspicious(fgws: Fgws) -> None:
    texts = ["good film", "bad plot"]
    assert fgws.scores(texts, fgws.classifier.predictions(texts)).tolist() == [0.0, 0.0]
