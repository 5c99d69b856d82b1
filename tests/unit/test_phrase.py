"""Which words stand beside a trigger."""

import pytest

from handler.xgraad.phrase import companions
from handler.xgraad.text import split_words


def around(text: str, *keys: str) -> list[set[str]]:
    return [{word.text for word in words} for words in companions(text, split_words(text), set(keys))]


def test_smallest_sets_come_first() -> None:
    found = around("see the silver quill at once", "quill")
    assert found[:2] == [{"at"}, {"silver"}]
    assert sorted(map(len, found)) == [len(words) for words in found]
    assert found[-1] == {"the", "silver", "at", "once"}


def test_punctuation_ends_a_phrase() -> None:
    assert around("silver, quill. at", "quill") == []


@pytest.mark.parametrize(("text", "expected"), [("cf", []), ("cf cf", []), ("", []), ("no trigger here", [])])
def test_nothing_beside_it(text: str, expected: list[set[str]]) -> None:
    assert around(text, "cf") == expected


def test_every_place_of_the_trigger_counts() -> None:
    assert {"one", "two"} in around("one cf and two cf", "cf")


def test_no_set_comes_twice() -> None:
    found = around("a cf b", "cf")
    assert len(found) == len({frozenset(words) for words in found}) == 3
