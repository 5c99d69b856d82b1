"""A long text's windows, their predictions and its label equal those of slow loops over the plain model."""

import math
from pathlib import Path

import pytest
import torch

from handler.xgraad import Defense, in_windows
from handler.xgraad.words.long_text import LongText
from tests.reference.equations import SlowScorer
from tests.toys import SENTENCES

TEXT = " ".join(SENTENCES[:5])
ROOM, STRIDE = 30, 8


@pytest.fixture(scope="module")
def slow(windowed_folder: Path) -> SlowScorer:
    return SlowScorer(windowed_folder, max_length=512)


def windows_by_hand(slow: SlowScorer) -> list[str]:
    """Words are added while their tokens fit; the next window begins as many words earlier as the stride holds."""
    words = TEXT.split()

    def n_tokens(first: int, last: int) -> int:
        return len(slow.tokenizer(" ".join(words[first:last]), add_special_tokens=False)["input_ids"])

    found, first = [], 0
    while True:
        last = first + 1
        while last < len(words) and n_tokens(first, last + 1) <= ROOM:
            last += 1
        found.append(" ".join(words[first:last]))
        if last == len(words):
            return found
        first = last
        while n_tokens(first - 1, last) <= STRIDE:
            first -= 1


def probabilities_by_hand(slow: SlowScorer, text: str) -> list[float]:
    with torch.no_grad():
        logits = slow.model(**slow.tokenizer(text, return_tensors="pt")).logits[0].tolist()
    total = sum(math.exp(logit) for logit in logits)
    return [math.exp(logit) / total for logit in logits]


@pytest.mark.parametrize("way", ["mean", "max"])
def test_the_label_is_that_of_the_loops(windowed_folder: Path, slow: SlowScorer, way: str) -> None:
    defense = in_windows(Defense.load(windowed_folder), way)
    (encoding,) = defense.encode([TEXT])
    assert isinstance(encoding, LongText)
    by_hand = windows_by_hand(slow)
    assert len(by_hand) > 2
    # Punctuation is no word, so that a window may end before it where the loops keep it with its word.
    starts = [window.text.split()[0].strip("—.,()!") for window in encoding.windows]
    assert starts == [text.split()[0].strip("—.,()!") for text in by_hand]
    rows = [probabilities_by_hand(slow, window.text) for window in encoding.windows]
    if way == "mean":
        pooled = [sum(row[label] for row in rows) / len(rows) for label in range(2)]
    else:
        highest = [max(row[label] for row in rows) for label in range(2)]
        pooled = [value / sum(highest) for value in highest]
    (verdict,) = defense([TEXT])
    assert list(verdict.undefended.probabilities.values()) == pytest.approx(pooled, abs=1e-5)
    assert verdict.undefended.label_id == pooled.index(max(pooled))
    (first,) = defense.classifier.predictions([encoding.windows[0].text])
    assert list(first.probabilities.values()) != pytest.approx(pooled, abs=1e-4)  # sanity arm: windows differ
