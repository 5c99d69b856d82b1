"""From the words of an edited text back to those of the text as it came."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad import NEUTRALIZERS, Classifier
from handler.xgraad.editing.edit import edit_words, everywhere, in_original
from handler.xgraad.editing.neutralizer import make_neutralizer
from handler.xgraad.scoring.scorer import Score, WordScore
from handler.xgraad.words.text import split_words
from tests.samples import PREDICTION

SPACES = st.sampled_from([" ", ", ", "\n", " — ", "... ", " ("])
SPELLINGS = st.sampled_from(["cf", "CF", "plot", "café", "film", "a", "don't", "中", "\u200btq"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    return "".join(f"{each}{draw(SPACES)}" for each in draw(st.lists(SPELLINGS, min_size=1, max_size=12)))


def score_of(model: Classifier, text: str) -> Score:
    (encoding,) = model.encode([text])
    return Score(encoding=encoding, prediction=PREDICTION, anomaly_score=0.0, n_tokens=len(encoding), words=())


@pytest.mark.parametrize("name", NEUTRALIZERS)
@given(text=texts(), data=st.data())
def test_words_left_alone_are_found_again_and_what_was_put_in_is_not(
    bert: Classifier, name: str, text: str, data: st.DataObject
) -> None:
    score = score_of(bert, text)
    words = score.encoding.words
    changed = data.draw(st.lists(st.sampled_from(words), unique=True))
    edit = edit_words(score, changed, make_neutralizer(name, bert.encode, key=b"test"))
    left = split_words(edit.text)
    assert in_original(score, edit, left) == tuple(word for word in words if word not in changed)
    for word in left:
        (*_, found) = [None, *in_original(score, edit, [word])]
        assert found is None or found.key == word.key
    origins = edit.origins(text)
    assert len(origins) == len(edit.text)
    assert all(place < 0 or text[place] == character for place, character in zip(origins, edit.text, strict=True))


def test_without_an_edit_words_are_where_they_are(bert: Classifier) -> None:
    score = score_of(bert, "a cf plot")
    words = score.encoding.words[1:]
    assert in_original(score, None, words) == words


def test_everywhere_is_past_the_window_too(bert: Classifier) -> None:
    score = score_of(bert, "cf " + "plot " * 100 + "CF")
    assert score.encoding.truncated
    assert [word.text for word in everywhere(score, score.encoding.words[0])] == ["cf", "CF"]


def test_characters_side_by_side_are_one_suspect_with_the_largest_attribution(bert: Classifier) -> None:
    (encoding,) = bert.encode(["很魔法好 魔"])
    words = tuple(
        WordScore(word=word, attention=0.0, gradient=0.0, attribution=float(index))
        for index, word in enumerate(encoding.words)
    )
    score = Score(encoding=encoding, prediction=PREDICTION, anomaly_score=0.0, n_tokens=len(encoding), words=words)
    edit = edit_words(
        score, [words[index].word for index in (4, 2, 1)], make_neutralizer("mask", bert.encode, key=b"t")
    )
    assert edit.text == "很[MASK]好 [MASK]"
    assert [(each.word, each.start, each.end, each.attribution) for each in edit.suspects] == [
        ("魔法", 1, 3, 2.0),
        ("魔", 5, 6, 4.0),
    ]
