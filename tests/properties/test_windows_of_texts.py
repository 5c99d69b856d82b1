"""Windows of any text: together they are all of it, they overlap as asked, and no word is parted that fits."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.xgraad import Classifier
from handler.xgraad.words.encoding import Encoder
from handler.xgraad.words.long_text import LongText, drawn_window, encode_long
from handler.xgraad.words.windows import WindowPlan

LENGTH = 12
MARKED = [". ", ", ", " ", "  \n", "don't", "x" * 40, "\u2026", "\u200b"]
FOREIGN = ["caf\u00e9", "cafe\u0301", "\u6f22\u5b57", "\u0e44\u0e17\u0e22", "\U0001f469\u200d\U0001f52c"]
PIECES = ["film", "a", "plot", "gripping", "unquestionably", *MARKED, *FOREIGN]
TEXTS = st.lists(st.sampled_from(PIECES), min_size=1, max_size=40).map(
    lambda pieces: "".join(piece + " " * (index % 3 > 0) for index, piece in enumerate(pieces))
)


@pytest.fixture(scope="module", params=["bert", "roberta", "albert"])
def encode(request: pytest.FixtureRequest, classifiers: dict[str, Classifier]) -> Encoder:
    return Encoder(classifiers[request.param].encode.tokenizer, max_length=LENGTH)


@settings(max_examples=60)
@given(text=TEXTS, stride=st.integers(0, 5))
def test_windows_are_all_of_a_text(encode: Encoder, text: str, stride: int) -> None:
    (found,) = encode_long([text], encode, WindowPlan(stride=stride, max_windows=64))
    if not isinstance(found, LongText):
        assert found == encode([text])[0]
        return
    spans = found.spans()
    assert [window.text for window in found.windows] == [text[start:end] for start, end in spans]
    assert spans[0].start == 0
    assert spans[-1].end == len(text) or found.truncated
    for before, after in pairwise(spans):
        assert before.start < after.start <= before.end < after.end
    assert found.truncated or not any(window.truncated for window in found.windows)
    assert all(len(window) <= LENGTH for window in found.windows)


@settings(max_examples=60)
@given(text=TEXTS, stride=st.integers(0, 5))
def test_windows_overlap_as_asked_and_part_no_word_that_fits(encode: Encoder, text: str, stride: int) -> None:
    (found,) = encode_long([text], encode, WindowPlan(stride=stride, max_windows=64))
    if not isinstance(found, LongText) or found.truncated:
        return
    offsets, spans = encode.spans_of(text)[1], found.spans()
    for before, after in pairwise(spans):
        shared = [span for span in offsets if after.start <= span[0] and span[1] <= before.end and span[0] < span[1]]
        assert len(shared) <= stride
    for word in found.words:
        n_tokens = sum(start < word.end and word.start < end for start, end in offsets)
        alone = not any(
            (start < word.start < end) or (start < word.end < end) for start, end in offsets
        )  # no token reaches out of it
        if n_tokens <= encode.room // 2 and alone:
            assert any(start <= word.start and word.end <= end for start, end in spans), word


def test_a_text_of_plain_words_overlaps_by_the_stride(classifiers: dict[str, Classifier]) -> None:
    encode = Encoder(classifiers["bert"].encode.tokenizer, max_length=LENGTH)
    text = "a film " * 20
    (found,) = encode_long([text], encode, WindowPlan(stride=3))
    assert isinstance(found, LongText)
    first, second = found.spans()[:2]
    n_first, n_shared = (len(encode.spans_of(part)[0]) for part in (text[: first.end], text[second.start : first.end]))
    assert (n_first, n_shared) == (encode.room, 3)
    (cut,) = encode_long([text], encode, WindowPlan(stride=3, max_windows=2))
    assert cut.truncated
    assert not found.truncated


def test_drawn_windows_are_as_likely_and_the_same_for_the_same_text(classifiers: dict[str, Classifier]) -> None:
    encode = Encoder(classifiers["bert"].encode.tokenizer, max_length=LENGTH)
    texts = [f"{'a film ' * 12}number {number}" for number in range(300)]
    found = encode_long(texts, encode, WindowPlan(stride=2))
    drawn = [drawn_window(each) for each in found]
    assert drawn == [drawn_window(each) for each in encode_long(texts[::-1], encode, WindowPlan(stride=2))][::-1]
    (n_windows,) = {len(each.windows) for each in found if isinstance(each, LongText)}
    for place in range(n_windows):
        share = sum(
            each.windows[place] == one for each, one in zip(found, drawn, strict=True) if isinstance(each, LongText)
        )
        assert 0.5 < share / (300 / n_windows) < 1.5
