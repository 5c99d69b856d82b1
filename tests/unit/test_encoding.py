"""Every token finds its word in five kinds of tokenizer."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.errors import TextError
from handler.xgraad.words.encoding import NO_WORD, Encoding, collate, words_of_tokens
from handler.xgraad.words.occurrences import joined
from handler.xgraad.words.pair import SEPARATOR
from handler.xgraad.words.text import split_words
from tests.toys import ARCHITECTURES, SENTENCES


def words_by_token(encoding: Encoding) -> list[str | None]:
    return [None if index == NO_WORD else encoding.words[index].text for index in encoding.word_of_token]


def encode_one(classifier: Classifier, text: str) -> Encoding:
    (encoding,) = classifier.encode([text])
    return encoding


def test_every_word_has_tokens_in_text_order(classifier: Classifier) -> None:
    for encoding in classifier.encode(SENTENCES):
        indices = [index for index in encoding.word_of_token if index != NO_WORD]
        assert not encoding.truncated
        assert indices == sorted(indices)
        assert set(indices) == set(range(len(encoding.words)))


def test_a_words_tokens_spell_the_word(classifier: Classifier) -> None:
    text = "the unfortunate plot is thin, and hampered"
    encoding = encode_one(classifier, text)
    for index, word in enumerate(encoding.words):
        ids = [t for t, owner in zip(encoding.token_ids, encoding.word_of_token, strict=True) if owner == index]
        spelled = classifier.encode.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        assert spelled.replace(" ", "") == word.text


def test_punctuation_and_template_tokens_belong_to_no_word(classifier: Classifier) -> None:
    owners = words_by_token(encode_one(classifier, "plot (thin) !"))
    assert owners[0] is None
    assert owners[-1] is None
    assert {owner for owner in owners if owner} == {"plot", "thin"}
    assert all(owner is None for owner in words_by_token(encode_one(classifier, "... !!")))


def test_apostrophes_stay_inside_the_word(classifier: Classifier) -> None:
    assert {owner for owner in words_by_token(encode_one(classifier, "I didn't")) if owner} == {"I", "didn't"}


def test_emoji_chinese_and_zero_width_words_have_tokens(classifier: Classifier) -> None:
    owners = set(words_by_token(encode_one(classifier, "the c\u200bf 😀 plot"))) - {None}
    assert owners == {"the", "c\u200bf", "😀", "plot"}
    assert set(words_by_token(encode_one(classifier, "the 中 plot"))) - {None} == {"the", "中", "plot"}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@settings(max_examples=40)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters=SEPARATOR), max_size=60))
def test_any_text_can_be_encoded(classifiers: dict[str, Classifier], architecture: str, text: str) -> None:
    encoding = encode_one(classifiers[architecture], text)
    n_tokens = len(encoding)
    assert 2 <= n_tokens <= 64
    assert len(encoding.token_types) == len(encoding.word_of_token) == n_tokens
    assert all(NO_WORD <= index < len(encoding.words) for index in encoding.word_of_token)
    assert encoding.word_of_token[0] == encoding.word_of_token[-1] == NO_WORD
    assert joined(encoding.words) == joined(split_words(text))
    assert encoding.words == classifiers[architecture].encode.words_of(text) or encoding.truncated


def test_text_past_the_window_is_cut_and_said_so(classifier: Classifier) -> None:
    fits = encode_one(classifier, " ".join(["a"] * 20))
    long = encode_one(classifier, " ".join(["plot"] * 200))
    assert (fits.truncated, long.truncated) == (False, True)
    assert len(long) == classifier.max_length == 64
    assert len(long.words) == 200
    assert long.token_ids[-1] == fits.token_ids[-1]


def test_truncation_starts_one_token_past_the_window(bert: Classifier) -> None:
    assert [encode_one(bert, " ".join(["a"] * n)).truncated for n in (61, 62, 63)] == [False, False, True]


def test_empty_text_has_only_template_tokens(classifier: Classifier) -> None:
    encoding = encode_one(classifier, "")
    assert encoding.word_of_token == (NO_WORD, NO_WORD)
    assert classifier.encode([]) == []


def test_special_tokens_written_in_a_text_are_scored_like_words(classifier: Classifier) -> None:
    """A trigger must not hide by looking like the template's own tokens."""
    tokenizer = classifier.encode.tokenizer
    for token in (tokenizer.sep_token, tokenizer.cls_token, tokenizer.mask_token):
        encoding = encode_one(classifier, f"the {token} plot")
        owners = words_by_token(encoding)
        inner = token.strip("[]</>")
        assert inner in owners[1:-1]
        assert owners[0] is owners[-1] is None
        assert owners[encoding.token_ids.index(tokenizer.convert_tokens_to_ids(token), 1)] == inner


def test_nul_and_control_characters_split_words(classifier: Classifier) -> None:
    assert {owner for owner in words_by_token(encode_one(classifier, "nul\x00here")) if owner} == {"nul", "here"}


@pytest.mark.parametrize("text", ["lone \ud800 one", None, 3, b"bytes"])
def test_what_no_tokenizer_can_take_is_refused(bert: Classifier, text: object) -> None:
    with pytest.raises(TextError):
        bert.encode(["fine", text])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("offsets", "special", "expected"),
    [
        ([(0, 3), (3, 5)], [0, 0], [0, 0]),
        ([(0, 0), (0, 5), (6, 9), (0, 0)], [1, 0, 0, 1], [NO_WORD, 0, 1, NO_WORD]),
        ([(0, 5)], [1], [NO_WORD]),
        ([(5, 6)], [0], [NO_WORD]),
        ([(3, 3)], [0], [NO_WORD]),
        ([(5, 9)], [0], [1]),
        ([(4, 9)], [0], [1]),
        ([(0, 7)], [0], [0]),
        ([(4, 7)], [0], [0]),
        ([(9, 20)], [0], [NO_WORD]),
        ([], [], []),
    ],
    ids=["two tokens", "template", "special in word", "space", "empty", "leading space", "most", "first", "tie", "past",
         "none"],
)  # fmt: skip
def test_a_token_belongs_to_the_word_it_shares_most_with(
    offsets: Sequence[tuple[int, int]], special: Sequence[int], expected: list[int]
) -> None:
    assert words_of_tokens(split_words("hello you"), offsets, special) == tuple(expected)


def test_token_ids_of_a_word_have_no_template(classifier: Classifier) -> None:
    assert classifier.encode.token_ids_of("plot") == encode_one(classifier, "plot").token_ids[1:-1]


def test_collate_pads_to_the_longest(bert: Classifier) -> None:
    short, long = bert.encode(["a", "the plot is thin"])
    batch = collate([short, long], pad_id=9, device=torch.device("cpu"))
    assert batch.token_ids.shape == batch.token_types.shape == batch.mask.shape == (2, len(long))
    assert batch.mask.sum(dim=1).tolist() == [len(short), len(long)]
    assert batch.token_ids[0].tolist() == [*short.token_ids, *[9] * (len(long) - len(short))]
    assert batch.token_ids[1].tolist() == list(long.token_ids)
