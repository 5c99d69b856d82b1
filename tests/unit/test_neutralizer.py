"""Neutralized words become other tokens, by a small and repeatable change."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.editing.neutralizer import CharacterNoise, make_neutralizer
from handler.xgraad.errors import SettingsError
from handler.xgraad.words.text import Replacement, Word, replace_spans, split_words
from tests.toys import ARCHITECTURES, SENTENCES, TRIGGERS

WORDS = [*TRIGGERS, "a", "I", "x", "is", "it's", "didn't", "plot", "Unquestionably", "café", "42"]


def distance(before: str, after: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(after) + 1))
    for index, left in enumerate(before, start=1):
        diagonal, row[0] = row[0], index
        for column, right in enumerate(after, start=1):
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, diagonal + (left != right))
    return row[-1]


def find(text: str, word: str) -> Word:
    return next(candidate for candidate in split_words(text) if candidate.text == word)


def noise_for(classifier: Classifier, text: str, word: str, *, key: bytes = b"key") -> str:
    (replacement,) = CharacterNoise(classifier.encode, key=key)(text, [find(text, word)])
    assert replacement[:2] == find(text, word)[1:]
    return replacement.text


def word_tokens(classifier: Classifier, text: str, span: tuple[int, int]) -> list[int]:
    """The tokens that lie in a span of a text, as the model gets them."""
    (encoding,) = classifier.encode([text])
    inside = {index for index, word in enumerate(encoding.words) if word.start < span[1] and span[0] < word.end}
    return [token for token, owner in zip(encoding.token_ids, encoding.word_of_token, strict=True) if owner in inside]


def before_and_after(classifier: Classifier, word: str, *, key: bytes = b"key") -> tuple[list[int], list[int]]:
    text = f"the {word} plot"
    new = noise_for(classifier, text, word, key=key)
    edited = f"the {new} plot"
    return word_tokens(classifier, text, (4, 4 + len(word))), word_tokens(classifier, edited, (4, 4 + len(new)))


def test_distance_by_hand() -> None:
    pairs = [("", ""), ("cf", "cf"), ("cf", "cxf"), ("cf", "ab"), ("kitten", "sitting")]
    assert [distance(*pair) for pair in pairs] == [0, 0, 1, 2, 3]


@pytest.mark.parametrize("word", WORDS)
def test_noise_changes_the_tokens(classifier: Classifier, word: str) -> None:
    """Two-letter and one-letter words too, which the authors' script deletes instead."""
    for key in (b"1", b"2", b"3"):
        before, after = before_and_after(classifier, word, key=key)
        assert before
        assert after
        assert before != after
        if len(before) == 1:
            assert before[0] not in after


@pytest.mark.parametrize("word", WORDS)
def test_noise_changes_two_characters_at_most(classifier: Classifier, word: str) -> None:
    for key in (b"1", b"2", b"3", b"4"):
        new = noise_for(classifier, f"the {word} plot", word, key=key)
        assert 1 <= distance(word, new) <= 2
        assert -1 <= len(new) - len(word) <= 2
        assert split_words(f" {new} ") == (Word(new, 1, 1 + len(new)),)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=25)
@given(word=st.from_regex(r"[A-Za-z]{1,12}", fullmatch=True), key=st.binary(min_size=1, max_size=4))
def test_noise_on_any_latin_word(classifiers: dict[str, Classifier], architecture: str, word: str, key: bytes) -> None:
    classifier = classifiers[architecture]
    before, after = before_and_after(classifier, word, key=key)
    unknown = classifier.encode.tokenizer.unk_token_id
    assert before != after or unknown in before
    assert len(noise_for(classifier, f"the {word} plot", word, key=key)) <= len(word) + 2


@pytest.mark.parametrize("word", ["😀", "😀😀", "\u4e2d", "ß", "😀😀😀😀"])
def test_words_of_unknown_characters_become_known_ones(classifier: Classifier, word: str) -> None:
    """An emoji that a WordPiece vocabulary does not have is [UNK], and stays it under any noise of two characters."""
    for key in range(20):
        before, after = before_and_after(classifier, word, key=bytes([key]))
        assert after
        assert before != after


@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_words_too_long_for_wordpiece_do_not_stay_unknown(
    classifiers: dict[str, Classifier], architecture: str
) -> None:
    """WordPiece gives up on words of more than 100 characters."""
    classifier = classifiers[architecture]
    before, after = before_and_after(classifier, "plot" * 30)
    assert before == [classifier.encode.tokenizer.unk_token_id]
    assert before[0] not in after


def test_the_same_text_gets_the_same_noise(classifier: Classifier) -> None:
    text = "the cf plot"
    assert len({noise_for(classifier, text, "cf") for _ in range(3)}) == 1


def test_another_key_or_text_gets_other_noise(bert: Classifier) -> None:
    by_key = {noise_for(bert, "the cf plot", "cf", key=bytes([key])) for key in range(20)}
    by_text = {noise_for(bert, f"the cf plot {n}", "cf") for n in range(20)}
    assert len(by_key) > 12
    assert len(by_text) > 12


def test_noise_for_a_word_does_not_depend_on_its_companions(bert: Classifier) -> None:
    text = "cf is thin and the plot is cf"
    noise = CharacterNoise(bert.encode, key=b"key")
    words = split_words(text)
    together = noise(text, words)
    assert together == tuple(replacement for word in words for replacement in noise(text, [word]))


def test_mask_puts_the_mask_token_in(classifier: Classifier) -> None:
    tokenizer = classifier.encode.tokenizer
    text = "the cf plot, cf"
    words = [word for word in split_words(text) if word.text == "cf"]
    edited = replace_spans(text, make_neutralizer("mask", classifier.encode, key=b"")(text, words))
    assert edited == text.replace("cf", tokenizer.mask_token)
    (encoding,) = classifier.encode([edited])
    assert encoding.token_ids.count(tokenizer.mask_token_id) == 2


def test_mask_is_refused_where_there_is_nothing_to_put_in() -> None:
    encode: Any = SimpleNamespace(tokenizer=SimpleNamespace(mask_token=None, unk_token=None))
    with pytest.raises(SettingsError, match=r"neutralizer: must be delete or noise for this tokenizer, .* is mask"):
        make_neutralizer("mask", encode, key=b"")
    assert make_neutralizer("delete", encode, key=b"")


def test_mask_uses_the_unknown_token_where_there_is_no_mask() -> None:
    encode: Any = SimpleNamespace(tokenizer=SimpleNamespace(mask_token=None, unk_token="[UNK]"))
    (replacement,) = make_neutralizer("mask", encode, key=b"")("cf", split_words("cf"))
    assert replacement.text == "[UNK]"


def test_delete_removes_the_word_and_nothing_else(classifier: Classifier) -> None:
    text = "the cf plot, (cf)"
    words = [word for word in split_words(text) if word.text == "cf"]
    assert replace_spans(text, make_neutralizer("delete", classifier.encode, key=b"")(text, words)) == "the  plot, ()"


@pytest.mark.parametrize("name", ["noise", "mask", "delete"])
def test_one_replacement_per_word(classifier: Classifier, name: str) -> None:
    neutralize = make_neutralizer(name, classifier.encode, key=b"key")
    for text in SENTENCES:
        words: Iterable[Word] = split_words(text)
        replacements = neutralize(text, words)
        assert [(r.start, r.end) for r in replacements] == [(word.start, word.end) for word in words]
        assert all(isinstance(replacement, Replacement) for replacement in replacements)
    assert neutralize("text", []) == ()


def test_an_unknown_name_is_a_bug_of_the_caller(bert: Classifier) -> None:
    with pytest.raises(KeyError):
        make_neutralizer("wish", bert.encode, key=b"")


@pytest.mark.parametrize("word", ["ดี", "é\u0301", "क्षत्रिय", "か\u3099"])
def test_noise_never_cuts_a_character_of_the_readers(bert: Classifier, word: str) -> None:
    clusters = set(regex.findall(r"\X", word))
    for key in range(20):
        noise = noise_for(bert, f"{word} plot", word, key=bytes([key]))
        assert {cluster for cluster in regex.findall(r"\X", noise) if not cluster.isascii()} <= clusters
