"""Words that are tested together, on texts of any words with any candidates among them."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad.verification.bundles import bundles, in_pieces
from handler.xgraad.words.text import Word, split_words

SPACES = st.sampled_from([" ", ", ", "\n", " — ", "... ", " ("])


@st.composite
def texts(draw: st.DrawFn) -> str:
    spellings = draw(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=20))
    return "".join(f"{spelling}{draw(SPACES)}" for spelling in spellings)


@st.composite
def chosen(draw: st.DrawFn) -> tuple[str, tuple[Word, ...], list[Word]]:
    """A text, its words, and some of them in any order."""
    text = draw(texts())
    words = split_words(text)
    return text, words, draw(st.lists(st.sampled_from(words), min_size=1, max_size=6, unique=True))


@given(chosen())
def test_a_bundle_is_words_of_the_text_in_its_order(given_: tuple[str, tuple[Word, ...], list[Word]]) -> None:
    _, words, candidates = given_
    found = bundles(words, candidates)
    assert len(set(found)) == len(found)
    for bundle in found:
        assert len(bundle) > 1
        assert list(bundle) == [word for word in words if word in bundle]


@given(chosen())
def test_all_candidates_are_tried_together_and_the_first_with_its_neighbours(
    given_: tuple[str, tuple[Word, ...], list[Word]],
) -> None:
    _, words, candidates = given_
    found = bundles(words, candidates)
    if len(candidates) > 1:
        assert any(set(candidates) <= set(bundle) for bundle in found)
    if len(words) > 1:
        place = words.index(candidates[0])
        beside = {words[max(0, place - 1)], words[place], words[min(len(words) - 1, place + 1)]}
        assert any(beside <= set(bundle) for bundle in found)


@given(chosen())
def test_pieces_are_of_the_text_and_hold_the_words_in_order(given_: tuple[str, tuple[Word, ...], list[Word]]) -> None:
    text, words, candidates = given_
    pieces = in_pieces(text, words, candidates)
    assert all(piece in text for piece in pieces)
    inside = [word.text for piece in pieces for word in split_words(piece)]
    assert inside == [word.text for word in words if word in candidates]
    places = sorted(words.index(word) for word in candidates)
    assert len(pieces) == 1 + sum(later - earlier > 1 for earlier, later in pairwise(places))


def named(text: str, candidates: Sequence[str]) -> list[str]:
    words = split_words(text)
    return [
        " ".join(word.text for word in bundle)
        for bundle in bundles(words, [word for each in candidates for word in words if word.text == each])
    ]


def test_no_candidates_and_a_word_alone_make_no_bundle() -> None:
    assert named("a few words", []) == []
    assert named("alone", ["alone"]) == []


def test_a_run_and_the_scattered_words() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve"
    run, scattered = named(text, ["two", "twelve"])
    assert run.startswith("one two three")
    assert "twelve" not in run
    assert scattered == "two twelve"


def test_small_gaps_are_filled_and_large_ones_are_not() -> None:
    text = "one two three four five six seven eight nine ten eleven twelve"
    assert "one two three twelve" in named(text, ["one", "three", "twelve"])


@pytest.mark.parametrize(
    ("candidates", "pieces"),
    [(["one", "two"], ("one, two",)), (["three", "one"], ("one", "three")), (["two", "three"], ("two (three",))],
)
def test_neighbours_are_one_piece(candidates: list[str], pieces: tuple[str, ...]) -> None:
    text = "one, two (three)"
    words = split_words(text)
    assert in_pieces(text, words, [word for word in words if word.text in candidates]) == pieces


@pytest.mark.parametrize(
    ("text", "chosen", "pieces"),
    [
        ("很魔法好", "魔法", ("魔法",)),
        ("很 魔法好", "魔法", (" 魔法",)),  # after a space its tokens are others
        ("很,魔好 法", "魔法", ("魔", " 法")),
        ("魔好", "魔", ("魔",)),
        ("a b", "b", ("b",)),
    ],
)
def test_a_piece_without_spaces_tells_whether_it_stood_after_one(
    text: str, chosen: str, pieces: tuple[str, ...]
) -> None:
    words = split_words(text)
    assert in_pieces(text, words, [word for word in words if word.text in chosen]) == pieces
