"""A packed set of token ids."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from handler.xgraad.words.token_set import TokenSet


@given(ids=st.frozensets(st.integers(0, 300_000)))
def test_the_ids_come_back(ids: frozenset[int]) -> None:
    packed = TokenSet.of(ids)
    assert packed.ids() == ids
    assert TokenSet.model_validate_json(packed.model_dump_json()) == packed


def test_a_set_of_the_first_ids_is_one_bit_each() -> None:
    assert TokenSet.of([0, 3]).bits == "CQ=="
    assert TokenSet().ids() == TokenSet.of([]).ids() == frozenset()


@pytest.mark.parametrize("bits", ["CQ", "C*==", "\u00e9", "CQ==\n"])
def test_what_is_not_packed_is_refused(bits: str) -> None:
    with pytest.raises(ValidationError, match="must be base64"):
        TokenSet(bits=bits)
