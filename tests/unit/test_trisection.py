"""Trisection on classifiers with a known backdoor: it finds what holds the label though nothing else shows it."""

import math
from collections.abc import Sequence

import pytest
from torch import Tensor

from handler.xgraad import Classifier
from handler.xgraad.encoding import Encoding
from handler.xgraad.scorer import score_encodings
from handler.xgraad.trisection import decisive_words
from tests.unit.rule_based import RuleBased

PLAIN = ["a", "clever", "and", "funny", "film", "with", "a", "chic", "plot", "and", "a", "gripping", "cast"]


class Counting(RuleBased):
    """Counts the words that it is asked about and the calls."""

    n_words = n_calls = 0

    def logits(self, encodings: Sequence[Encoding]) -> Tensor:
        self.n_calls += 1
        self.n_words += sum(len(encoding.words) for encoding in encodings)
        return super().logits(encodings)


@pytest.fixture
def model(bert: Classifier) -> Counting:
    """Neither attention nor gradient shows anything."""
    return Counting(bert, lambda words: "cf" in words, loud=[])


def decisive(model: Classifier, *texts: str) -> list[str]:
    return [word.text for word in decisive_words(model, score_encodings(model, model.encode(texts)))]


@pytest.mark.parametrize("place", range(len(PLAIN) + 1))
def test_a_silent_trigger_is_found_wherever_it_stands(model: Counting, place: int) -> None:
    text = " ".join([*PLAIN[:place], "cf", *PLAIN[place:]])
    assert decisive(model, text) == ["cf"]


def test_texts_of_all_lengths_are_cut_together(model: Counting) -> None:
    texts = ["cf", "a cf", f"{' '.join(PLAIN)} (cf)", "dull film", "a gripping, chic film"]
    assert decisive(model, *texts)[:4] == ["cf", "cf", "cf", "dull"]
    assert decisive(model, *texts) == [decisive(model, text)[0] for text in texts]


def test_all_cuts_together_read_a_text_one_and_a_half_times(model: Counting) -> None:
    text = " ".join([*PLAIN * 5, "cf"])
    scores = score_encodings(model, model.encode([text]))
    decisive_words(model, scores)
    n_words = len(scores[0].words)
    assert model.n_words <= 1.6 * n_words
    assert model.n_calls <= 1 + math.ceil(math.log(n_words, 3))


def test_no_texts_no_words(model: Counting) -> None:
    assert decisive_words(model, []) == []
