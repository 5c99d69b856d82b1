"""The language model is the published one, a probability, and as fast as it may be only where nothing changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.lab.training.language_model import END, WordLanguageModel
from tests.reference.kneser_ney import SlowTrigrams

WORDS = st.sampled_from("abcd")
TEXTS = st.lists(st.lists(WORDS, max_size=6), max_size=8)
ASKED = st.lists(st.sampled_from("abcdxy"), max_size=7)


@given(TEXTS, ASKED)
def test_it_is_the_published_one(texts: list[list[str]], asked: list[str]) -> None:
    fast, slow = WordLanguageModel(texts), SlowTrigrams(texts)
    assert fast.perplexity(asked) == pytest.approx(slow.perplexity(asked))
    expected = [slow.perplexity(asked[:place] + asked[place + 1 :]) for place in range(len(asked))]
    assert fast.perplexities_without(asked).tolist() == pytest.approx(expected)


@given(TEXTS, st.tuples(st.sampled_from("abx"), st.sampled_from("abx")))
def test_probabilities_of_all_words_sum_to_one(texts: list[list[str]], context: tuple[str, str]) -> None:
    model = WordLanguageModel(texts)
    known = {word for text in texts for word in text} | ({END} if texts else set())
    assert sum(model.probability(word, context) for word in {*known, "unknown"}) == pytest.approx(1)


def test_an_unknown_word_is_rarer_than_any_known_one() -> None:
    model = WordLanguageModel([text.split() for text in ("a good film", "a good plot", "a bad film", "the end")])
    unknown = model.probability("cf", ("a", "good"))
    known = ("a", "good", "film", "bad", "plot", "the", "end")
    assert 0 < unknown < min(model.probability(word, ("a", "good")) for word in known)
    assert unknown == model.probability("tq", ("a", "good"))
    assert model.perplexities_without(("a", "good", "cf", "film")).argmin() == 2
