"""The bias hides what must not be seen, is one row where all queries see the same, and never hides everything."""

from typing import Any

import pytest
import torch

from handler.xgraad.model.attention_bias import attention_bias, bias_of

LOWEST = torch.finfo(torch.float32).min


def test_one_row_does_where_all_queries_see_the_same() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    bias = bias_of(mask[:, None, None].expand(-1, -1, 3, -1), torch.float32)
    assert bias.shape == (2, 1, 1, 3)
    assert bias[:, 0, 0].tolist() == [[0, 0, LOWEST], [0, 0, 0]]


def test_a_window_has_a_row_for_each_query() -> None:
    seen = torch.tensor([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=torch.bool)
    bias = bias_of(seen[None, None], torch.float32)
    assert bias[0, 0].tolist() == [[0, 0, LOWEST], [0, 0, 0], [LOWEST, 0, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_query_that_sees_nothing_gives_numbers(dtype: torch.dtype) -> None:
    seen = torch.tensor([[1, 0, 0], [0, 0, 0], [0, 0, 0]], dtype=torch.bool)
    bias = bias_of(seen[None, None], dtype)
    assert bias.dtype == dtype
    assert torch.softmax(bias - 40, dim=-1).isfinite().all()
    assert (bias[0, 0, 0] < 0).tolist() == [False, True, True]


def test_nothing_is_asked_of_layers_that_see_all() -> None:
    """In the form in which transformers asks."""
    arguments: dict[str, Any] = {"batch_size": 1, "q_length": 3, "kv_length": 3, "allow_is_causal_skip": False}
    arguments |= {"allow_is_bidirectional_skip": True, "mask_function": lambda *places: places[2] >= 0}
    whole, padded = torch.ones(1, 3, dtype=torch.bool), torch.tensor([[True, True, False]])
    assert attention_bias(dtype=torch.float32, attention_mask=whole, **arguments) is None
    bias = attention_bias(dtype=torch.float32, attention_mask=padded, **arguments)
    assert bias is not None
    assert bias.tolist() == [[[[0, 0, LOWEST]]]]
