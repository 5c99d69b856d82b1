"""What passes is asked for again, what does not is not."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts.serving.client import error_document
from scripts.serving.retrying import NoAnswerError, asked_again, may_pass

DIED = error_document(507, "InternalServerException", "Worker died.")
FULL = error_document(503, "ServiceUnavailableException", 'Model "toy" has no worker to serve inference request.')
GOOD = {"label": "good"}


@pytest.mark.parametrize("document", [DIED, FULL, error_document(13, "grpc INTERNAL", "Worker died.")])
def test_what_a_worker_goes_through_passes(document: dict[str, Any]) -> None:
    assert may_pass(document)


@pytest.mark.parametrize(
    "document",
    [
        GOOD,
        [GOOD],
        {"predictions": [DIED]},
        error_document(500, "defense_failed", "the text could not be judged"),
        error_document(422, "empty", "text: must not be empty"),
        error_document(404, "ModelNotFoundException", "Model not found: absent"),
        error_document(13, "grpc INTERNAL", "Model not found: absent"),
        error_document(7, "grpc PERMISSION_DENIED", "Token failed"),
    ],
)
def test_what_is_about_the_request_does_not(document: Any) -> None:
    assert not may_pass(document)


def asking(*answers: Any) -> Callable[[], Any]:
    left: Iterator[Any] = iter(answers)

    def ask() -> Any:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return ask


def test_it_waits_longer_each_time_and_stops_at_the_first_answer() -> None:
    pauses: list[float] = []
    ask = asking(FULL, NoAnswerError("no answer"), DIED, GOOD, DIED)
    assert asked_again(ask, retries=9, sleep=pauses.append) == GOOD
    assert pauses == [0.25, 0.5, 1.0]


def test_the_last_attempt_tells_what_it_met() -> None:
    assert asked_again(asking(FULL, DIED, GOOD), retries=1, sleep=lambda _: None) == DIED
    assert asked_again(asking(FULL, GOOD), retries=0) == FULL
    with pytest.raises(NoAnswerError):
        asked_again(asking(FULL, NoAnswerError("no answer")), retries=1, sleep=lambda _: None)
