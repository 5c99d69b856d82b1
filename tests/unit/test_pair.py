"""A pair of texts travels as one string, and a model reads it as two."""

from copy import deepcopy
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.errors import CheckpointError, TextError
from handler.xgraad.verification.probes import Piece, Place, make_probe
from handler.xgraad.words.encoding import NO_WORD, Encoder
from handler.xgraad.words.pair import SEPARATOR, PartSpan, is_pair, join_pair, place_in, segments, split_pair
from handler.xgraad.words.text import split_words
from tests.conftest import CLEAN_TEXTS
from tests.toys import ARCHITECTURES, SENTENCES, make_checkpoint

PAIRS = [join_pair(first, second) for first, second in pairwise(SENTENCES)]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=SEPARATOR))


@pytest.fixture(scope="module")
def pair_models(checkpoints: dict[str, Path]) -> dict[str, Classifier]:
    folders = {name: checkpoints[name] for name in ARCHITECTURES}
    return {name: Classifier.load(folder, max_length=64, takes_pairs=True) for name, folder in folders.items()}


@pytest.fixture
def model(pair_models: dict[str, Classifier], architecture: str) -> Classifier:
    return pair_models[architecture]


@given(TEXTS, TEXTS)
def test_joining_loses_nothing(first: str, second: str) -> None:
    pair = join_pair(first, second)
    assert split_pair(pair) == (first, second)
    assert is_pair(pair)
    assert not is_pair(first)


@given(TEXTS, TEXTS)
def test_words_are_those_of_the_parts_and_spans_find_them(first: str, second: str) -> None:
    pair = join_pair(first, second)
    placed = [place_in(pair, word.start, word.end) for word in split_words(pair)]
    expected = [PartSpan(part, word.start, word.end) for part in (0, 1) for word in split_words((first, second)[part])]
    assert placed == expected


@pytest.mark.parametrize("parts", [(f"a{SEPARATOR}", "b"), ("a", SEPARATOR)])
def test_a_part_may_not_hold_the_separator(parts: tuple[str, str]) -> None:
    with pytest.raises(TextError, match=r"noncharacter U\+FDD0; leave it out"):
        join_pair(*parts)


@pytest.mark.parametrize("text", ["single", "", f"a{SEPARATOR}b{SEPARATOR}c"])
def test_what_is_no_pair_is_not_split(text: str) -> None:
    with pytest.raises(TextError, match="judges pairs"):
        split_pair(text)


def test_segments_are_what_a_tokenizer_takes() -> None:
    assert segments(["a", "b"]) == (["a", "b"],)
    assert segments([join_pair("a", "b"), join_pair("c", "d")]) == (["a", "c"], ["b", "d"])
    assert segments([]) == ([],)
    with pytest.raises(TextError):
        segments([join_pair("a", "b"), "c"])


@pytest.mark.parametrize("is_told", [True, False])
def test_tokens_and_types_are_those_of_the_tokenizer(model: Classifier, *, is_told: bool) -> None:
    tokenizer = deepcopy(model.encode.tokenizer)
    tokenizer.model_input_names = ["input_ids", "attention_mask", *["token_type_ids"] * is_told]
    encode = Encoder(tokenizer, max_length=64, takes_pairs=True)
    for encoding in encode(PAIRS):
        expected = tokenizer(*split_pair(encoding.text))
        types = expected["token_type_ids"] if is_told else [0] * len(encoding)
        assert encoding.token_ids == tuple(expected["input_ids"])
        assert encoding.token_types == tuple(types)
        probe = make_probe(encoding.text, encode)
        assert probe is not None
        assert encode.with_template(probe.token_ids).token_types == tuple(types)


def test_every_token_finds_its_word_in_its_own_part(model: Classifier) -> None:
    pair = join_pair("the same plot", "the same actors, again")
    (encoding,) = model.encode([pair])
    owners = [index for index in encoding.word_of_token if index != NO_WORD]
    assert owners == sorted(owners)
    assert set(owners) == set(range(7))
    ids = [t for t, owner in zip(encoding.token_ids, encoding.word_of_token, strict=True) if owner == 5]
    assert model.encode.tokenizer.decode(ids).strip() == "actors"


def test_logits_are_the_plain_models(model: Classifier) -> None:
    tokenizer = model.encode.tokenizer
    encoded = tokenizer(*segments(PAIRS), padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = model.model(**encoded).logits
    torch.testing.assert_close(model.logits(model.encode(PAIRS)), expected, rtol=1e-3, atol=1e-4)


def test_neighbors_and_padding_change_nothing(model: Classifier) -> None:
    alone = torch.cat([model.logits(model.encode([pair])) for pair in PAIRS])
    torch.testing.assert_close(model.logits(model.encode(PAIRS)), alone, rtol=1e-4, atol=1e-5)


def test_order_of_the_parts_counts(model: Classifier) -> None:
    first, second = split_pair(PAIRS[0])
    there, back = model.logits(model.encode([PAIRS[0], join_pair(second, first)]))
    assert not torch.allclose(there, back, rtol=1e-4, atol=1e-5)


def test_a_long_part_is_cut_and_says_so(model: Classifier) -> None:
    pair = join_pair("a short text", " ".join(CLEAN_TEXTS[:9]))
    (encoding,) = model.encode([pair])
    assert encoding.truncated
    assert len(encoding) == 64
    assert {encoding.words[index].text for index in encoding.word_of_token if index != NO_WORD} >= {"short"}


def test_a_probe_is_the_pair_itself(model: Classifier) -> None:
    for encoding in model.encode(PAIRS):
        probe = make_probe(encoding.text, model.encode)
        assert probe is not None
        again = model.encode.with_template(probe.token_ids)
        assert (again.token_ids, again.token_types) == (encoding.token_ids, encoding.token_types)


@pytest.mark.parametrize("pair", [("good film", "bad plot"), ("good", "bad"), ("good film.", "bad plot!")])
@pytest.mark.parametrize(
    ("place", "expected"),
    [(Place.START, "cf {0}|{1}"), (Place.END, None)],
)
def test_words_go_into_a_pair_as_if_it_had_been_written_with_them(
    model: Classifier, pair: tuple[str, str], place: Place, expected: str | None
) -> None:
    probe = make_probe(join_pair(*pair), model.encode)
    assert probe is not None
    found = model.encode.with_template(probe.with_pieces([Piece.of("cf", model.encode)], place))
    second = pair[1].rstrip(".!")
    written = (f"cf {pair[0]}", pair[1]) if expected else (pair[0], f"{second} cf{pair[1][len(second) :]}")
    (wanted,) = model.encode([join_pair(*written)])
    assert (found.token_ids, found.token_types) == (wanted.token_ids, wanted.token_types)


def test_a_part_without_words_is_no_probe(model: Classifier) -> None:
    for pair in (join_pair("?!", "a film"), join_pair("a film", "...")):
        assert make_probe(pair, model.encode) is None


def test_a_single_text_is_no_pair(model: Classifier) -> None:
    with pytest.raises(TextError, match="judges pairs of texts, and this is a single one"):
        model.encode(["a film"])


def test_a_pair_is_no_single_text(model: Classifier) -> None:
    encode = Encoder(model.encode.tokenizer, max_length=64)
    for pair in (PAIRS[0], "a\ufdd0b\ufdd0c", "\ufdd0"):
        with pytest.raises(
            TextError, match=r"judges single texts, and this is a pair \(it holds .*U\+FDD0\); give one"
        ):
            encode(["a film", pair])
    assert len(encode(["a film \ufdd1"])) == 1


def test_what_stands_between_two_texts_is_found_in_one_way(model: Classifier) -> None:
    template = model.encode.template
    between = template.between
    assert template.between_at((7, *between, 8, *between)) == 1
    assert template.between_at((7, *between, 8, *between), start=2) == 2 + len(between)
    assert template.between_at((7, *between[:-1])) is None
    assert template._replace(between=()).between_at((7, 8)) is None


def test_a_tokenizer_without_a_template_for_pairs(tmp_path: Path) -> None:
    from tokenizers import processors
    from transformers import AutoTokenizer

    folder = make_checkpoint(tmp_path, "bert")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [(token, tokenizer.convert_tokens_to_ids(token)) for token in ("[CLS]", "[SEP]")]
    template = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A $B [SEP]", special_tokens=ids)
    tokenizer.backend_tokenizer.post_processor = template
    Encoder(tokenizer, max_length=64)
    with pytest.raises(CheckpointError, match="no template for pairs"):
        Encoder(tokenizer, max_length=64, takes_pairs=True)
