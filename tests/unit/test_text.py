"""Words are spans of the original string, and edits leave every other character alone."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad.errors import TextError
from handler.xgraad.words.occurrences import occurrences, tightest
from handler.xgraad.words.text import Replacement, Word, check_text, replace_spans, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \t\n", []),
        ("... !! -- $$", []),
        ("A gripping, clever film.", ["A", "gripping", "clever", "film"]),
        ("don't rock'n'roll it’s", ["don't", "rock'n'roll", "it’s"]),
        ("'tis the dogs' 'quote'", ["tis", "the", "dogs", "quote"]),
        ("half-baked under_score a/b", ["half", "baked", "under", "score", "a", "b"]),
        ("US$5 a+b <br> x=y ~z", ["US", "5", "a", "b", "br", "x", "y", "z"]),
        ("(twice)[x]{y}«z»“q”", ["twice", "x", "y", "z", "q"]),
        ("中文 film abc中def", ["中", "文", "film", "abc", "中", "def"]),
        ("中'文", ["中", "文"]),
        ("café cafe\u0301", ["café", "cafe\u0301"]),
        ("so 😀 good😀", ["so", "😀", "good😀"]),
        ("c\u200bf \u2060x", ["c\u200bf", "\u2060x"]),
        ("nul\x00here\x07bell", ["nul", "here", "bell"]),
        ("non\u00a0breaking\u3000wide", ["non", "breaking", "wide"]),
    ],
)
def test_what_a_word_is(text: str, words: list[str]) -> None:
    assert [word.text for word in split_words(text)] == words


@given(st.text())
def test_words_are_ordered_spans_of_the_text(text: str) -> None:
    position = 0
    for word in split_words(text):
        assert position <= word.start < word.end
        assert text[word.start : word.end] == word.text
        position = word.end
    assert position <= len(text)


@given(st.text())
def test_every_letter_and_digit_is_in_a_word(text: str) -> None:
    covered = {index for word in split_words(text) for index in range(word.start, word.end)}
    assert all(index in covered for index, character in enumerate(text) if character.isalnum())
    assert not any(index in covered for index, character in enumerate(text) if character.isspace())


def test_case_and_invisible_characters_do_not_make_another_word() -> None:
    text = "cf CF c\u200bf Cf\u00ad cff"
    words = split_words(text)
    assert [word.text for word in occurrences(words, "cf")] == ["cf", "CF", "c\u200bf", "Cf\u00ad"]
    assert Word("Straße", 0, 6).key == Word("STRASSE", 0, 7).key
    assert occurrences(words, "nowhere") == ()


@pytest.mark.parametrize(
    ("text", "keys", "places"),
    [
        ("james met bond, james", {"james", "bond"}, [10, 16]),
        ("a b a", {"a", "b"}, [0, 2]),  # the first of equals
        ("b c a x c b", {"a", "b", "c"}, [0, 2, 4]),
        ("cf CF a cf", {"cf"}, [0, 3, 8]),  # one word by itself counts wherever it stands
        ("a b", {"a", "c"}, []),
        ("a b", {"c"}, []),
        ("", {"a"}, []),
        ("", {"a", "b"}, []),
    ],
)
def test_tightest_takes_what_lies_nearest(text: str, keys: set[str], places: list[int]) -> None:
    assert [word.start for word in tightest(split_words(text), keys)] == places


@given(
    words=st.lists(st.sampled_from(["a", "B", "ccc", "x"]), max_size=9),
    keys=st.sets(st.sampled_from(["a", "b", "ccc"]), min_size=2),
)
def test_no_other_occurrences_lie_nearer(words: list[str], keys: set[str]) -> None:
    split = split_words(" ".join(words))
    sets = [each for each in combinations(split, len(keys)) if {word.key for word in each} == keys]
    found = tightest(split, keys)
    assert (found in sets) == bool(sets)
    assert bool(found) == bool(sets)
    assert not [each for each in sets if each[-1].end - each[0].start < found[-1].end - found[0].start]


SEGMENTS = st.lists(st.tuples(st.text(), st.text(min_size=1), st.text()), max_size=6)


@given(segments=SEGMENTS, tail=st.text(), data=st.data())
def test_replacing_spans_keeps_the_rest_to_the_character(
    segments: list[tuple[str, str, str]], tail: str, data: st.DataObject
) -> None:
    text, expected, replacements = "", "", []
    for kept, cut, new in segments:
        text += kept
        replacements.append(Replacement(len(text), len(text) + len(cut), new))
        text += cut
        expected += kept + new
    shuffled = data.draw(st.permutations(replacements))
    assert replace_spans(text + tail, shuffled) == expected + tail


@given(st.text())
def test_replacing_words_by_themselves_changes_nothing(text: str) -> None:
    assert replace_spans(text, [Replacement(word.start, word.end, word.text) for word in split_words(text)]) == text


@pytest.mark.parametrize("spans", [[(0, 2), (1, 3)], [(0, 5)], [(-1, 1)], [(2, 1)]])
def test_impossible_spans_are_a_bug_of_the_caller(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="overlaps another one or leaves the text of 4 characters"):
        replace_spans("text", [Replacement(start, end, "x") for start, end in spans])


@given(st.text())
def test_valid_unicode_is_accepted_as_it_is(text: str) -> None:
    assert check_text(text) == text


@pytest.mark.parametrize("text", ["a\ud800", "\udfff", "ok \ud83d\ude00"])
def test_lone_surrogates_are_refused(text: str) -> None:
    with pytest.raises(TextError, match="is a lone surrogate; send valid Unicode") as caught:
        check_text(text)
    assert "ok" not in str(caught.value)


@pytest.mark.parametrize(("value", "kind"), [(None, "NoneType"), (b"bytes", "bytes"), (5, "int"), (["a"], "list")])
def test_only_strings_are_texts(value: object, kind: str) -> None:
    with pytest.raises(TextError, match=f"must be a string, got {kind}"):
        check_text(value)  # type: ignore[arg-type]
