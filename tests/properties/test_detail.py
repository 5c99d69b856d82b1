"""Below full detail a reply holds no number that an attacker could climb, whatever the verdict."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.answers.policy import Unjudged
from handler.page.page import page
from handler.settings import Detail, OnTrigger, Settings
from handler.wire.request import Request, Shape
from handler.xgraad import RULES, Action, Suspect, Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import WordScore
from handler.xgraad.words.text import Word
from tests.documents import floats
from tests.samples import replied

# A mark that no text below can hold, so that a score written as a string is found, too.
scores = st.floats(0.001, 0.999).map(lambda value: value + 12_340)
texts = st.text(st.characters(categories=["L", "Zs", "P"]), max_size=8)
MARKS_ON_A_PAGE = (b"1234", b"1.23e+04", b"over 99.9 %", b"<svg")
"""How such a score is written there, as a number, a share or a bar."""
places = st.integers(0, 500)
predictions = st.builds(
    Prediction, label=texts, label_id=st.integers(0, 9), score=scores, probabilities=st.dictionaries(texts, scores)
)
verdicts = st.builds(
    Verdict,
    rule=st.sampled_from(RULES),
    flagged=st.booleans(),
    verified=st.booleans(),
    tested=st.none() | st.booleans(),
    action=st.sampled_from(Action),
    anomaly_score=st.none() | scores,
    gate_score=st.none() | scores,
    threshold=scores,
    p_value=scores,
    undefended=predictions,
    defended=predictions,
    suspects=st.lists(
        st.builds(Suspect, word=texts, start=places, end=places, attribution=scores, replacement=texts), max_size=3
    ).map(tuple),
    neutralized_text=st.none() | texts,
    truncated=st.booleans(),
    words=st.lists(
        st.builds(
            WordScore,
            word=st.builds(Word, text=texts, start=places, end=places),
            attention=scores,
            gradient=scores,
            attribution=scores,
        ),
        max_size=3,
    ).map(tuple),
)
requests = st.tuples(st.lists(verdicts, min_size=1, max_size=3), st.sampled_from([Shape.MANY, Shape.INSTANCES]))


def body(found: tuple[list[Verdict], Shape], on_trigger: OnTrigger, detail: Detail, *, explain: bool) -> bytes:
    judged, shape = found
    request = Request(texts=("x",) * len(judged), shape=shape, explain=explain)
    return replied(request, *judged, on_trigger=on_trigger, detail=detail).body


def visited(verdict: Verdict, on_trigger: OnTrigger, detail: Detail) -> bytes:
    """The page about a verdict, its style left out."""
    request = Request(texts=("x",), shape=Shape.ONE, explain=detail == "full")
    document = json.loads(replied(request, verdict, on_trigger=on_trigger, detail=detail).body)
    return page("x", document, model="toy", settings=Settings(detail=detail)).split(b"</style>")[1]


policies = st.sampled_from(get_args(OnTrigger))


@pytest.mark.parametrize("detail", ["verdict", "label"])
@settings(max_examples=150)
@given(found=requests, on_trigger=policies, explain=st.booleans())
def test_no_float_below_full(found: tuple[list[Verdict], Shape], on_trigger: Any, explain: bool, detail: Any) -> None:
    told = body(found, on_trigger, detail, explain=explain)
    assert floats(json.loads(told)) == []
    assert b"1234" not in told


@pytest.mark.parametrize("detail", ["verdict", "label"])
@settings(max_examples=50)
@given(verdict=verdicts, on_trigger=policies)
def test_no_float_on_the_page_below_full(verdict: Verdict, on_trigger: Any, detail: Any) -> None:
    told = visited(verdict, on_trigger, detail)
    assert not [mark for mark in MARKS_ON_A_PAGE if mark in told]


@pytest.mark.parametrize("detail", ["verdict", "label"])
@given(prediction=predictions, truncated=st.booleans())
def test_no_float_in_an_undefended_answer(prediction: Prediction, truncated: bool, detail: Any) -> None:
    request = Request(texts=("x",), shape=Shape.ONE, explain=False)
    told = replied(request, Unjudged(undefended=prediction, truncated=truncated), detail=detail).body
    assert floats(json.loads(told)) == []
    assert b"1234" not in told


@settings(max_examples=20)
@given(found=requests)
def test_full_has_them(found: tuple[list[Verdict], Shape]) -> None:
    """Sanity arm: the search above finds scores where there are some."""
    told = body(found, "neutralize", "full", explain=True)
    assert floats(json.loads(told))
    assert b"1234" in told
    assert [mark for mark in MARKS_ON_A_PAGE if mark in visited(found[0][0], "neutralize", "full")]
