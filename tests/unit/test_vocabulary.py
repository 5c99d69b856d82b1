"""Which entries of a vocabulary are words: after a space, and in scripts without spaces right after a letter, too."""

import pytest
from tokenizers.normalizers import NFKC

from handler.xgraad.words.encoding import Encoder
from handler.xgraad.words.vocabulary import VocabularyWord, whole_words
from scripts.admission.screening import anchor_of
from tests.languages import LANGUAGES, MAX_LENGTH, pieces


def encoder(language: str) -> Encoder:
    return Encoder(pieces(LANGUAGES[language]), max_length=MAX_LENGTH)


@pytest.mark.parametrize("language", [name for name, each in LANGUAGES.items() if not each.space])
def test_pieces_of_a_script_without_spaces_are_words_without_the_mark_of_one(language: str) -> None:
    """No text has a space before them, so that no piece has."""
    encode = encoder(language)
    vocabulary = encode.tokenizer.get_vocab()
    known = {vocabulary[NFKC().normalize_str(word)] for word in LANGUAGES[language].words()}
    assert known <= {word.token_id for word in whole_words(encode)}
    assert known & {*encode([LANGUAGES[language].plain.replace(" ", "")])[0].token_ids}


def test_pieces_that_go_on_a_word_are_none() -> None:
    """Korean has spaces: its syllables alone are words after one, and nothing is one right after a letter only."""
    encode = encoder("Korean")
    for word in whole_words(encode):
        assert encode.token_ids_of(f" {word.text}") == (word.token_id,)


def test_longer_words_are_made_of_one_that_others_go_on() -> None:
    han, latin = VocabularyWord(5, "电影"), VocabularyWord(6, "film")
    assert anchor_of([han, latin]) == latin
    assert anchor_of([han]) == han
