"""From tokens to words and scores."""

from dataclasses import replace

import pytest

from handler.xgraad import Classifier, score_encodings
from handler.xgraad.words.encoding import NO_WORD
from tests.samples import a_score
from tests.toys import SENTENCES


def test_words_inside_the_window_are_scored(bert: Classifier) -> None:
    (encoding,) = bert.encode(["plot " * 100])
    (score,) = score_encodings(bert, [encoding])
    assert len(score.words) == 62
    assert score.n_tokens == sum(index != NO_WORD for index in encoding.word_of_token) == 62


def test_the_anomaly_score_is_the_top_words_attribution(classifier: Classifier) -> None:
    for score in score_encodings(classifier, classifier.encode(SENTENCES)):
        assert score.top_word is not None
        assert score.anomaly_score == pytest.approx(score.top_word.attribution)
        assert score.anomaly_score > 0


def test_the_first_of_equals_is_on_top(bert: Classifier) -> None:
    (score,) = score_encodings(bert, bert.encode(["the plot is thin"]))
    equal = tuple(replace(word, attribution=1.0) for word in score.words)
    assert replace(score, words=equal).top_word == equal[0]
    assert a_score(0.0, 0).top_word is None


def test_nothing_in_nothing_out(bert: Classifier) -> None:
    assert score_encodings(bert, []) == []
    (score,) = score_encodings(bert, bert.encode(["..."]))
    assert (score.anomaly_score, score.n_tokens, score.words) == (0.0, 0, ())
