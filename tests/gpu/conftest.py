"""The device that the tests for a GPU take: the first card, or the one that XGRAAD_TEST_DEVICE names."""

import os

import pytest
import torch

from scripts.lab.card.sizes import DEVICE


@pytest.fixture(scope="session")
def device() -> str:
    name = os.environ.get(DEVICE, "cuda")
    if name != "cpu" and not torch.cuda.is_available():
        pytest.skip("there is no GPU here")
    return name
