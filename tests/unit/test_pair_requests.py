"""Pairs in every shape in which texts come, and what is told of them: each span in the text where it stands."""

import json
from typing import Any

import pytest

from handler.page.page import page
from handler.page.visit import Visit, visit_of
from handler.refusal import Refusal, RefusedError
from handler.settings import Detail, Settings
from handler.wire.binary import with_elements
from handler.wire.request import Request, Shape, parse_row
from handler.xgraad.scoring.scorer import WordScore
from handler.xgraad.words.pair import SEPARATOR, join_pair
from handler.xgraad.words.text import split_words
from tests.framings import raw_tensor
from tests.pages import ReadPage
from tests.samples import a_verdict, replace, replied

LIMITS = Settings(max_texts=4, max_chars=20, max_request_chars=50)
JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
HI = {"text": "hi", "text_pair": "you"}
HO = {"text": "ho", "text_pair": "there"}
PAIRS = (join_pair("hi", "you"), join_pair("ho", "there"))


def parse(row: dict[str, Any], headers: dict[str, Any] | None = None, *, takes_pairs: bool = True) -> Request | Refusal:
    return parse_row(row, JSON if headers is None else headers, LIMITS, takes_pairs=takes_pairs)


def tensor(name: str, *texts: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}


@pytest.mark.parametrize(
    ("row", "headers", "shape", "n_pairs"),
    [
        ({"body": HI}, JSON, Shape.ONE, 1),
        ({"body": json.dumps(HI).encode()}, {}, Shape.ONE, 1),
        ({"text": b"hi", "text_pair": b"you"}, FORM, Shape.ONE, 1),
        ({"text": b"hi", "text_pair": b"you"}, {}, Shape.ONE, 1),
        ({"body": {"texts": [HI, HO]}}, JSON, Shape.MANY, 2),
        ({"texts": json.dumps([HI, HO]).encode()}, {}, Shape.MANY, 2),
        ({"body": {"instances": [HI, HO]}}, JSON, Shape.INSTANCES, 2),
        (
            {"body": {"inputs": [tensor("text", "hi", "ho"), tensor("text_pair", "you", "there")]}},
            JSON,
            Shape.INPUTS,
            2,
        ),
        (
            {"body": {"inputs": [tensor("text_pair", "you", "there"), tensor("text", "hi", "ho")]}},
            JSON,
            Shape.INPUTS,
            2,
        ),
    ],
)
def test_shapes(row: dict[str, Any], headers: dict[str, Any], shape: Shape, n_pairs: int) -> None:
    found = parse(row, headers)
    assert isinstance(found, Request)
    assert (found.texts, found.shape) == (PAIRS[:n_pairs], shape)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"text": "hi"}, 'text: this model judges pairs of texts; send {"text": "...", "text_pair": "..."}'),
        ({"text_pair": "hi"}, "1 unknown field"),
        ({"texts": ["hi"]}, "texts[0]: this model judges pairs"),
        ({"texts": [HI], "text_pair": "you"}, "1 unknown field"),
        ({"instances": ["hi"]}, "instances[0]: this model judges pairs"),
        ({"text": "", "text_pair": "b"}, "text: must not be empty"),
        ({"text": "a", "text_pair": " "}, "text_pair: must not be empty"),
        ({"text": "a", "text_pair": 3}, "text_pair: must be a string, got a number"),
        ({"text": "a", "text_pair": None}, "text_pair: must be a string"),
        ({"text": "a", "text_pair": "b" * 21}, "text_pair: 20 characters are allowed"),
        ({"texts": [{"text": "a", "text_pair": ""}]}, "texts[0].text_pair: must not be empty"),
        ({"text": "a", "text_pair": "\ud800"}, "text_pair: text: character 0 is a lone surrogate"),
        (
            {"text": f"a{SEPARATOR}", "text_pair": "b"},
            "text: the first text of a pair: character 1 is the noncharacter",
        ),
        (
            {"inputs": [tensor("text", "a"), tensor("text", "b")]},
            "inputs: two tensors must be named text and text_pair",
        ),
        ({"inputs": [tensor("text", "a", "b"), tensor("text_pair", "c")]}, "inputs: has 2 first texts and 1 second"),
        ({"inputs": [tensor("text", "a")]}, "inputs[0].data[0]: this model judges pairs"),
    ],
)
def test_refusals(document: dict[str, Any], words: str) -> None:
    found = parse({"body": document})
    assert isinstance(found, Refusal)
    assert words in found.message


FIRST, SECOND = raw_tensor(["hi", "ho"]), raw_tensor(["you", "there"], "text_pair")
SIZE = "binary_data_size"


def sized(made: tuple[Any, bytes], **changes: Any) -> dict[str, Any]:
    tensor: dict[str, Any] = made[0]["inputs"][0]
    return tensor | changes


@pytest.mark.parametrize(("inputs", "raw"), [
    ([sized(FIRST), sized(SECOND)], FIRST[1] + SECOND[1]),
    ([sized(SECOND), sized(FIRST)], SECOND[1] + FIRST[1]),
    ([tensor("text", "hi", "ho"), sized(SECOND)], SECOND[1]),
    ([sized(FIRST), tensor("text_pair", "you", "there")], FIRST[1]),
])  # fmt: skip
def test_raw_tensors_are_pairs(inputs: list[Any], raw: bytes) -> None:
    document = with_elements({"inputs": inputs}, raw)
    found = parse({"body": document})
    assert isinstance(found, Request)
    assert found.texts == PAIRS


@pytest.mark.parametrize(("inputs", "raw", "told"), [
    ([sized(FIRST), sized(SECOND)], FIRST[1], f"inputs[0].parameters.{SIZE} and inputs[1].parameters.{SIZE}: must add"),
    ([sized(FIRST), sized(SECOND, parameters={SIZE: -1})], FIRST[1], "must add up to the number of bytes behind"),
    ([sized(FIRST), sized(SECOND, data=[])], FIRST[1] + SECOND[1], f"inputs[1].data: may not stand beside {SIZE}"),
    ([sized(FIRST), sized(SECOND)], FIRST[1] + b"\xff" * len(SECOND[1]), "inputs[1]: element 0 is longer than the"),
    ([sized(FIRST), sized(SECOND, datatype="FP32")], FIRST[1] + SECOND[1], f"inputs[0].parameters.{SIZE}: must be the"),
    ([sized(FIRST)] * 3, FIRST[1] * 3, "bytes stand behind the JSON, and no input"),
])  # fmt: skip
def test_raw_tensors_that_do_not_fit_are_refused_by_name(inputs: list[Any], raw: bytes, told: str) -> None:
    with pytest.raises(RefusedError) as refused:
        with_elements({"inputs": inputs}, raw)
    assert told in refused.value.refusal.message


@pytest.mark.parametrize("document", [HI, {"texts": [HI]}, {"instances": [HI]}])
def test_a_model_of_single_texts_takes_no_pairs(document: dict[str, Any]) -> None:
    found = parse({"body": document}, takes_pairs=False)
    assert isinstance(found, Refusal)
    assert "this model judges single texts; leave text_pair out" in found.message


@pytest.mark.parametrize(("document", "where"), [
    ({"text": f"a{SEPARATOR}b"}, "text"), ({"texts": [f"a{SEPARATOR}b"]}, "texts[0]"),
    ({"inputs": [tensor("text", f"a{SEPARATOR}b")]}, "inputs[0].data[0]"),
])  # fmt: skip
def test_a_single_text_holds_no_separator(document: dict[str, Any], where: str) -> None:
    """The noncharacter is what the handler joins pairs with, and a text with it would be taken for one."""
    found = parse({"body": document}, takes_pairs=False)
    assert isinstance(found, Refusal)
    assert (found.status, found.kind) == (422, "invalid_unicode")
    assert found.message == f"{where}: character 1 is the noncharacter U+FDD0; leave it out"


def test_a_pair_that_is_none_costs_its_neighbors_nothing() -> None:
    found = parse({"body": {"texts": [HI, "alone", HO]}})
    assert isinstance(found, Request)
    assert found.texts == PAIRS
    assert set(found.faults) == {1}


def pair_reply(*, detail: Detail = "full") -> dict[str, Any]:
    """A reply to a pair whose second text holds the suspect."""
    text = join_pair("a good film", "some cf plot")
    (word,) = [word for word in split_words(text) if word.text == "cf"]
    verdict = a_verdict("a cf film", acted=True)
    (suspect,) = verdict.suspects
    scores = tuple(WordScore(word=each, attention=0.5, gradient=0.25, attribution=0.1) for each in split_words(text))
    verdict = replace(
        verdict,
        suspects=(replace(suspect, start=word.start, end=word.end),),
        neutralized_text=join_pair("a good film", "some zz plot"),
        words=scores,
    )
    request = Request(texts=(text,), shape=Shape.ONE, explain=detail == "full")
    document: dict[str, Any] = json.loads(replied(request, verdict, detail=detail).body)
    return document


@pytest.mark.parametrize("detail", ["full", "verdict"])
def test_spans_are_told_in_their_part(detail: Detail) -> None:
    defense = pair_reply(detail=detail)["defense"]
    (suspect,) = defense["suspects"]
    assert (suspect["part"], suspect["start"], suspect["end"]) == ("text_pair", 5, 7)
    assert (defense["neutralized_text"], defense["neutralized_text_pair"]) == ("a good film", "some zz plot")


def test_words_are_told_in_their_part() -> None:
    document = pair_reply()
    told = [(word["part"], word["start"], word["end"]) for word in document["explanation"]["words"]]
    first = [("text", 0, 1), ("text", 2, 6), ("text", 7, 11)]
    assert told == [*first, ("text_pair", 0, 4), ("text_pair", 5, 7), ("text_pair", 8, 12)]
    assert SEPARATOR not in json.dumps(document, ensure_ascii=False)


def test_a_label_alone_tells_no_part() -> None:
    assert set(pair_reply(detail="label")) == {"label", "label_id", "truncated"}


def test_the_page_shows_both_texts() -> None:
    texts = ("a good film", "some cf plot")
    body = page(texts[0], pair_reply(), model="toy", settings=Settings(), second=texts[1])
    read = ReadPage(body)
    assert read.text == texts[0]
    assert b'id="text_pair"' in body
    assert body.count(b"<textarea") == 2
    assert "cf became zz at character 6" in " ".join(read.words.split())


def test_a_visitor_types_both() -> None:
    headers = {**FORM, "explain": "true", "accept": "text/html"}
    visit = visit_of({"text": b"a\r\nb", "text_pair": b"c"}, headers)
    assert visit == Visit(b"a\nb", b"c")
    assert visit.second == "c"
    row, _ = visit.asks(headers, Settings())
    assert row == {"text": b"a\nb", "text_pair": b"c"}
    assert Visit(b"a").second is None
