import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from handler.xgraad.words import word_set
from handler.xgraad.words.word_set import WordSet


@given(st.sets(st.text(max_size=8)), st.sets(st.text(max_size=8)))
def test_it_holds_its_words_and_no_others(words: set[str], others: set[str]) -> None:
    is_lacking = WordSet.of(words).lacking()
    assert not any(map(is_lacking, words))
    assert all(map(is_lacking, others - words))


def test_order_and_repetition_make_no_difference() -> None:
    assert WordSet.of(["film", "cast", "film"]) == WordSet.of(["cast", "film"])


def test_words_cannot_be_read_back() -> None:
    assert b"film" not in base64.b64decode(WordSet.of(["film"]).hashes)


def test_a_lone_surrogate_is_a_word_like_any_other() -> None:
    is_lacking = WordSet.of(["\ud800"]).lacking()
    assert [is_lacking("\ud800"), is_lacking("\ud801")] == [False, True]


def test_it_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are kept, and a file with more is refused."""
    three = WordSet.of(["film", "plot", "cast"])
    monkeypatch.setattr(word_set, "MOST_WORDS", 2)
    is_lacking = WordSet.of(["film", "plot", "film", "cast"]).lacking()
    assert [is_lacking(word) for word in ("film", "plot", "cast")] == [False, False, True]
    with pytest.raises(ValidationError, match="must hold at most 2 words, holds 3"):
        WordSet(hashes=three.hashes)


@pytest.mark.parametrize(("hashes", "rule"), [("no base64!", "base64"), ("AAAA", "4 bytes for each word, holds 3")])
def test_broken_sets_are_refused(hashes: str, rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        WordSet(hashes=hashes)
