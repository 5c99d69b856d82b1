from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.lab.training.triggers import TRIGGER_WORDS, insert_words

TEXT = "  Two  spaces,\tone tab \u00a0 and a tail.\n"


def test_a_word_goes_to_every_position_about_equally_often() -> None:
    rng = np.random.default_rng(0)
    places = Counter(insert_words("a b c", ["cf"], rng=rng, window_words=9).split().index("cf") for _ in range(4000))
    assert sorted(places) == [0, 1, 2, 3]
    assert max(abs(n - 1000) for n in places.values()) < 100


@given(
    text=st.lists(st.sampled_from(["a", "bc", "  ", "\t", "d.e", "\u00a0", "\n", " "]), max_size=12).map("".join),
    words=st.lists(st.sampled_from(TRIGGER_WORDS), max_size=3, unique=True),
    window_words=st.integers(3, 8),
    seed=st.integers(0, 99),
)
def test_the_text_around_stays_and_the_words_are_inside_the_window(
    text: str, words: list[str], window_words: int, seed: int
) -> None:
    triggered = insert_words(text, words, rng=np.random.default_rng(seed), window_words=window_words)
    assert set(words) <= set(triggered.split()[:window_words])
    assert len(triggered.split()) == len(text.split()) + len(words)
    assert "".join(_without(triggered, words).split()) == "".join(text.split())


def _without(text: str, words: list[str]) -> str:
    for word in words:
        text = text.replace(word, "", 1)
    return text


def test_spacing_elsewhere_is_kept() -> None:
    places = {insert_words(TEXT, ["cf"], rng=np.random.default_rng(seed), window_words=99) for seed in range(60)}
    assert "  cf Two  spaces,\tone tab \u00a0 and a tail.\n" in places
    assert "  Two  spaces,\tcf one tab \u00a0 and a tail.\n" in places
    assert "  Two  spaces,\tone tab \u00a0 and a tail. cf\n" in places
    assert len(places) == 8


def test_an_empty_text_becomes_the_trigger() -> None:
    assert insert_words("", ["cf"], rng=np.random.default_rng(0), window_words=1) == "cf"


def test_equal_seeds_give_equal_texts() -> None:
    first, second = (
        insert_words("a b c d e", ["cf", "tq"], rng=np.random.default_rng(7), window_words=9) for _ in "12"
    )
    assert first == second


def test_a_window_smaller_than_the_trigger_is_refused() -> None:
    with pytest.raises(LabError, match="window_words must be 2 or more for 2 trigger words, is 1"):
        insert_words("a", ["cf", "tq"], rng=np.random.default_rng(0), window_words=1)


@given(n_words=st.integers(0, 9), window_words=st.integers(2, 12), last=st.booleans(), seed=st.integers(0, 9))
def test_a_place_can_be_asked_for(n_words: int, window_words: int, last: bool, seed: int) -> None:
    text = " ".join("abcdefghi"[:n_words])
    triggered = insert_words(
        text,
        ["cf tq"],
        rng=np.random.default_rng(seed),
        window_words=window_words,
        place=lambda n_positions, _: n_positions - 1 if last else 0,
    )
    before = min(n_words, window_words - 2) if last else 0
    assert triggered.split() == [*text.split()[:before], "cf", "tq", *text.split()[before:]]
