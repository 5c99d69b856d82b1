"""The fast scorer equals the slow one written from the paper, in every architecture."""

from pathlib import Path

import pytest

from handler.xgraad import Classifier, score_encodings
from tests.reference.equations import SlowScorer
from tests.toys import SENTENCES

TEXTS = [
    *SENTENCES,
    "cf",
    "I didn't cf like (tq), the café!",
    "... !!",
    "long " * 90,
    "a zero\u200bwidth, an emoji 😀 and 中文 together",
]


@pytest.fixture
def slow(checkpoints: dict[str, Path], architecture: str) -> SlowScorer:
    return SlowScorer(checkpoints[architecture], max_length=64)


def test_fast_equals_slow(classifier: Classifier, slow: SlowScorer) -> None:
    encodings = classifier.encode(TEXTS)
    traces = classifier.trace(encodings)
    scores = score_encodings(classifier, encodings)
    for text, trace, score in zip(TEXTS, traces, scores, strict=True):
        expected = slow(text)
        assert trace.logits.tolist() == pytest.approx(expected.logits, abs=1e-5)
        assert trace.attention.tolist() == pytest.approx(expected.attention, abs=1e-5)
        assert trace.gradient.tolist() == pytest.approx(expected.gradient, abs=1e-5)
        assert score.anomaly_score == pytest.approx(expected.anomaly_score, abs=1e-5)


def test_words_take_the_largest_of_their_tokens(classifier: Classifier, slow: SlowScorer) -> None:
    for text in TEXTS:
        (encoding,) = classifier.encode([text])
        (score,) = score_encodings(classifier, [encoding])
        expected = slow(text)
        for word in score.words:
            tokens = [
                value
                for value, index in zip(expected.attribution, encoding.word_of_token, strict=True)
                if index >= 0 and encoding.words[index] == word.word
            ]
            assert word.attribution == pytest.approx(max(tokens), abs=1e-5)


def test_the_slow_scorer_can_tell_texts_apart(slow: SlowScorer) -> None:
    """Sanity arm: the equality above would hold for constants, too."""
    scores = [slow(text).anomaly_score for text in SENTENCES]
    assert max(scores) > 1.2 * min(scores) > 0


def test_some_texts_are_truncated(classifier: Classifier) -> None:
    assert [encoding.truncated for encoding in classifier.encode(TEXTS)].count(True) >= 1
