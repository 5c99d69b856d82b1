"""Texts of like length go together, and come back in their own order."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad.model.microbatch import FREE_PADDING, MAX_PADDING, MAX_TOKENS, in_microbatches, microbatches
from handler.xgraad.words.encoding import Encoding

LENGTHS = st.lists(st.integers(2, 512), max_size=120)


def of_length(n_tokens: int, text: str = "") -> Encoding:
    zeros = (0,) * n_tokens
    return Encoding(text=text, words=(), token_ids=zeros, token_types=zeros, word_of_token=zeros, truncated=False)


@given(LENGTHS)
def test_every_text_is_in_one_part(lengths: list[int]) -> None:
    assert sorted(index for part in microbatches(lengths) for index in part) == list(range(len(lengths)))


@given(LENGTHS)
def test_little_padding_and_a_bounded_size(lengths: list[int]) -> None:
    for part in microbatches(lengths):
        padded = max(lengths[index] for index in part) * len(part)
        assert padded <= MAX_TOKENS
        padding = padded - sum(lengths[index] for index in part)
        assert padding <= max(MAX_PADDING * padded, FREE_PADDING) + 1e-9


def test_texts_of_one_length_fill_the_budget() -> None:
    """Sanity arm: a batch of one each would pass the test above."""
    assert [len(part) for part in microbatches([64] * 130)] == [64, 64, 2]
    assert list(microbatches([100, 300, 100, 290])) == [[0, 2], [3, 1]]
    assert list(microbatches([])) == []


def test_a_few_short_texts_are_one_pass() -> None:
    """Their padding costs less than passes of their own would."""
    assert list(microbatches([3, 9, 17, 5])) == [[0, 3, 1, 2]]
    assert [len(part) for part in microbatches([3] * 40 + [17] * 40)] == [40, 40]


def test_a_text_longer_than_the_budget_goes_alone() -> None:
    assert list(microbatches([MAX_TOKENS + 1, 3])) == [[1], [0]]


@given(LENGTHS)
def test_results_come_back_in_the_order_given(lengths: list[int]) -> None:
    encodings = [of_length(n_tokens, str(index)) for index, n_tokens in enumerate(lengths)]

    def work(part: Sequence[Encoding]) -> list[tuple[str, int]]:
        return [(encoding.text, len(encoding)) for encoding in part]

    expected = [(str(index), n_tokens) for index, n_tokens in enumerate(lengths)]
    assert in_microbatches(encodings, work) == expected


class SmallDevice:
    """Has room for so many texts, and remembers the batches that fitted."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.batches: list[int] = []

    def __call__(self, part: Sequence[Encoding]) -> list[str]:
        if len(part) > self._room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.batches.append(len(part))
        return [encoding.text for encoding in part]


@pytest.mark.parametrize(("room", "batches"), [(8, [7]), (4, [3, 4]), (3, [3, 2, 2]), (1, [1] * 7)])
def test_a_batch_that_does_not_fit_is_split(room: int, batches: list[int]) -> None:
    device = SmallDevice(room)
    assert in_microbatches([of_length(9, str(index)) for index in range(7)], device) == list("0123456")
    assert device.batches == batches


def test_a_text_that_does_not_fit_alone_is_an_error() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        in_microbatches([of_length(9)] * 3, SmallDevice(0))


def test_the_budget_is_the_callers() -> None:
    assert [len(part) for part in microbatches([64] * 5, max_tokens=128)] == [2, 2, 1]
