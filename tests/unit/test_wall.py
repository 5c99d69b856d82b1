"""A fault in judging costs nobody else an answer, and tells nobody a text."""

import gc
import json
import logging
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast, get_args

import pytest

from handler.answers.reply import Reply
from handler.hooks import preparing
from handler.settings import Detail, Settings
from handler.wire.request import parse_row
from handler.xgraad import Classifier, Defense, Verdict
from handler.xgraad.model.prediction import Prediction
from handler.xgraad.scoring.scorer import WordScore
from handler.xgraad.words.encoding import Encoding
from handler.xgraad.words.text import Word
from tests.samples import a_verdict, through_hooks

SECRET = "s3cret"
OPEN, CLOSED = Settings(on_error="fail_open"), Settings()


GOOD: dict[str, Any] = {"text": b"a fine film"}
BOOM: dict[str, Any] = {"text": f"a boom film {SECRET}".encode()}
LIST: dict[str, Any] = {"texts": b'["a dull film", "a thin plot"]'}


class Faulty:
    """A defense that raises for any text with "boom" in it, and keeps a diary."""

    takes_pairs = False

    def __init__(self, classifier: Classifier, error: BaseException, *, also_plain: bool = False) -> None:
        self.classifier = classifier
        self.judged: list[list[str]] = []
        self.device = classifier.device
        self._error = error
        if also_plain:
            self.classifier = cast(Classifier, self)
        self._encode = classifier.encode

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        return self._encode(texts)

    def logits(self, _: Sequence[Encoding]) -> Any:
        raise self._error

    def undefended(self, encodings: Sequence[Encoding]) -> list[Prediction]:
        return Defense.undefended(cast(Defense, self), encodings)

    def judge(self, encodings: Sequence[Encoding], _explain: Sequence[bool]) -> list[Verdict]:
        self.judged.append([encoding.text for encoding in encodings])
        if any("boom" in encoding.text for encoding in encodings):
            raise self._error
        return [a_verdict(encoding.text) for encoding in encodings]


def run(faulty: Any, *rows: dict[str, Any], settings: Settings = CLOSED) -> list[Reply]:
    return [exchange.reply for exchange in through_hooks(rows, cast(Defense, faulty), settings)]


@pytest.fixture
def faulty(bert: Classifier) -> Callable[..., Faulty]:
    return lambda error=None, **options: Faulty(bert, error or RuntimeError(f"cannot judge {SECRET}"), **options)


def test_a_batch_without_fault_is_judged_once(faulty: Callable[..., Faulty]) -> None:
    defense = faulty()
    replies = run(defense, GOOD, LIST)
    assert [reply.status for reply in replies] == [200, 200]
    assert defense.judged == [["a fine film", "a dull film", "a thin plot"]]


@pytest.mark.parametrize("settings", [OPEN, CLOSED])
def test_neighbors_get_what_they_would_have_got(faulty: Callable[..., Faulty], settings: Settings) -> None:
    healthy = run(faulty(), GOOD, LIST, settings=settings)
    defense = faulty()
    first, failed, last = run(defense, GOOD, BOOM, LIST, settings=settings)
    assert [first, last] == healthy
    assert failed.status == (200 if settings is OPEN else 500)
    assert len(defense.judged) == 4


def test_closed_means_an_error_without_the_exceptions_text(faulty: Callable[..., Faulty]) -> None:
    (found,) = run(faulty(), BOOM)
    assert json.loads(found.body)["error"]["type"] == "defense_failed"
    assert json.loads(found.body)["error"]["code"] == 500
    assert SECRET.encode() not in found.body


def test_open_means_the_plain_model_and_says_so(faulty: Callable[..., Faulty], bert: Classifier) -> None:
    (found,) = run(faulty(), BOOM, settings=OPEN)
    document = json.loads(found.body)
    assert document["label_id"] == int(bert.logits(bert.encode([BOOM["text"].decode()]))[0].argmax())
    assert document["defense"]["action"] == "undefended"
    assert document["defense"]["flagged"] is None


@pytest.mark.parametrize("settings", [OPEN, CLOSED])
def test_when_the_plain_model_fails_as_well_there_is_no_answer(
    faulty: Callable[..., Faulty], settings: Settings
) -> None:
    good, failed = run(faulty(also_plain=True), GOOD, BOOM, settings=settings)
    assert (good.status, failed.status) == (200, 500)


@pytest.mark.parametrize("kind", [RuntimeError, MemoryError, RecursionError, ValueError, StopIteration])
def test_the_log_tells_type_and_place_and_no_text(
    faulty: Callable[..., Faulty], caplog: pytest.LogCaptureFixture, kind: type[Exception]
) -> None:
    with caplog.at_level(logging.INFO):
        run(faulty(kind(SECRET)), GOOD, BOOM)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    for line, what in zip(lines, ("a batch of 2 requests", "a request alone"), strict=True):
        event = json.loads(line)
        assert (event["event"], event["judged"], event["type"]) == ("judging_failed", what, kind.__name__)
        assert event["place"].startswith("wall.py:")
        assert "test_wall.py:" in event["place"]
        assert "\n" not in line
    assert SECRET not in caplog.text


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("settings", [OPEN, CLOSED])
def test_what_ends_a_process_passes(
    faulty: Callable[..., Faulty], settings: Settings, interrupt: type[BaseException]
) -> None:
    with pytest.raises(interrupt):
        run(faulty(interrupt()), GOOD, BOOM, settings=settings)


@pytest.mark.parametrize("settings", [OPEN, CLOSED])
def test_a_text_that_cannot_be_tokenized(
    faulty: Callable[..., Faulty], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    defense = faulty()
    encode = defense.encode

    def choosy(texts: Sequence[str]) -> list[Encoding]:
        if any("boom" in text for text in texts):
            raise ValueError(SECRET)
        return encode(texts)

    monkeypatch.setattr(defense, "encode", choosy)
    good, failed, many = run(defense, GOOD, BOOM, LIST, settings=settings)
    assert (good.status, failed.status, many.status) == (200, 500, 200)
    assert defense.judged == [["a fine film", "a dull film", "a thin plot"]]


def test_a_row_that_cannot_even_be_parsed(faulty: Callable[..., Faulty], monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusing it is what parsing is for; this is a fault of ours."""

    def parse(row: dict[str, Any], *rest: Any, **options: Any) -> Any:
        return 1 / 0 if row is BOOM else parse_row(row, *rest, **options)

    monkeypatch.setattr(preparing, "parse_row", parse)
    assert [reply.status for reply in run(faulty(), GOOD, BOOM, LIST, settings=OPEN)] == [200, 500, 200]


@pytest.mark.parametrize(("explain", "status"), [(b"true", 500), (b"false", 200)])
def test_a_words_score_that_is_no_number_is_a_fault_where_it_would_be_told(
    faulty: Callable[..., Faulty], monkeypatch: pytest.MonkeyPatch, explain: bytes, status: int
) -> None:
    defense = faulty()
    word = WordScore(word=Word("a", 0, 1), attention=0.5, gradient=float("inf"), attribution=0.5)
    monkeypatch.setattr(defense, "judge", lambda encodings, _: [replace(a_verdict(encodings[0].text), words=(word,))])
    (found,) = run(defense, {**GOOD, "explain": explain})
    assert found.status == status


@pytest.mark.parametrize("detail", get_args(Detail))
@pytest.mark.parametrize("name", ["anomaly_score", "gate_score", "threshold", "p_value"])
@pytest.mark.parametrize(("settings", "status"), [(OPEN, 200), (CLOSED, 500)])
def test_a_score_that_is_no_number(
    faulty: Callable[..., Faulty],
    monkeypatch: pytest.MonkeyPatch,
    settings: Settings,
    status: int,
    name: str,
    detail: Detail,
) -> None:
    """JSON has no NaN: one request's fault, and as much of one where the score would not be told."""
    defense, settings = faulty(), settings.model_copy(update={"detail": detail})

    def judge(encodings: Sequence[Encoding], _explain: Sequence[bool]) -> list[Verdict]:
        changes: dict[str, Any] = {name: float("nan")}
        verdicts = [a_verdict(encoding.text) for encoding in encodings]
        return [
            replace(verdict, **changes) if "boom" in encoding.text else verdict
            for verdict, encoding in zip(verdicts, encodings, strict=True)
        ]

    monkeypatch.setattr(defense, "judge", judge)
    good, failed = run(defense, GOOD, BOOM, settings=settings)
    assert (good.status, failed.status) == (200, status)
    assert b"NaN" not in failed.body


def test_nothing_of_a_failed_attempt_is_kept_for_the_next(
    faulty: Callable[..., Faulty], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an out-of-memory error the tensors of the attempt must be gone before there is room for another."""

    class Tensor:
        pass

    defense, kept = faulty(), list[weakref.ref[Tensor]]()

    def judge(encodings: Sequence[Encoding], _explain: Sequence[bool]) -> list[Verdict]:
        assert not any(reference() for reference in kept)
        large = Tensor()
        kept.append(weakref.ref(large))
        if len(encodings) > 1:
            raise MemoryError
        return [a_verdict(encoding.text) for encoding in encodings]

    monkeypatch.setattr(defense, "judge", judge)
    gc.disable()
    try:
        assert [reply.status for reply in run(defense, GOOD, BOOM)] == [200, 200]
    finally:
        gc.enable()
    assert len(kept) == 3
