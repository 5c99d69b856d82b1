"""Answers and refusals to what is sent: a document in the shape in which the texts came, then its bytes, once."""

import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from handler.answers.document import answer_document, refusal_document
from handler.answers.labels_document import labels_document
from handler.answers.policy import AnyAnswer, LabelsAnswer, readable
from handler.refusal import Refusal
from handler.settings import Detail
from handler.wire.framing import JSON_LENGTH
from handler.wire.request import Request, Shape
from handler.wire.tensors import in_tensors

_LISTS = {False: "predictions", True: "explanations"}
"""What KServe's v1 protocol calls the list of answers to `instances`."""

BINARY_TYPE = "application/octet-stream"
"""Of a reply with raw tensors behind its JSON."""


class Served(NamedTuple):
    """The model as its server names it."""

    name: str
    version: str | None
    takes_pairs: bool = False
    """Whether it judges pairs of texts."""


class Content(NamedTuple):
    """What a reply says, before it is bytes."""

    document: Any
    """Ready for JSON."""
    error: Refusal | None = None
    """Why there is no answer in it; None where there is one."""
    raw: bytes = b""
    """Tensors that were asked for as bytes."""


class Reply(NamedTuple):
    """What goes back to a client."""

    body: bytes
    error: Refusal | None = None
    """Why there is no answer in it; None where there is one."""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    """More of HTTP's, as names and values in ASCII."""

    @property
    def status(self) -> int:
        """Of HTTP; gRPC clients see only the body."""
        return self.error.status if self.error else HTTPStatus.OK


def content_of(request: Request, answers: Sequence[AnyAnswer | Refusal], detail: Detail, served: Served) -> Content:
    """What is said to one request, in the shape in which its texts came.

    A refused text takes its place as an error among its neighbors' answers; the request has an answer while one has.

    Args:
        request: the texts.
        answers: to all texts, in order.
        detail: how much is told.
        served: whose answers they are; said in tensors.
    """
    read = [
        answer if isinstance(answer, Refusal) else readable(answer, request.shape.place(place))
        for place, answer in enumerate(answers)
    ]
    refusals = [answer for answer in read if isinstance(answer, Refusal)]
    error = refusals[0] if len(refusals) == len(read) else None
    if error and request.tensor_options:
        return refused(error)
    documents = [
        refusal_document(answer)
        if isinstance(answer, Refusal)
        else _document(answer, detail, explain=request.explain, text=str(text))
        for answer, text in zip(read, request.in_order(request.texts), strict=True)
    ]
    return _in_shape(request, documents, served)._replace(error=error)


def _document(answer: AnyAnswer, detail: Detail, *, explain: bool, text: str) -> dict[str, Any]:
    if isinstance(answer, LabelsAnswer):
        return labels_document(answer, detail, explain=explain, text=text)
    return answer_document(answer, detail, explain=explain, text=text)


def refused(refusal: Refusal) -> Content:
    """What is said to a request that gets no answer."""
    return Content(refusal_document(refusal), refusal)


def as_json(content: Content) -> Reply:
    """The bytes for a program, raw tensors behind them."""
    body = to_json(content.document)
    if not content.raw:
        return Reply(body, content.error)
    return Reply(body + content.raw, content.error, BINARY_TYPE, ((JSON_LENGTH, str(len(body))),))


def to_json(document: Any) -> bytes:
    """Strict JSON: NaN and infinity are bugs, never bytes on the wire."""
    return json.dumps(document, allow_nan=False, ensure_ascii=False).encode()


def _in_shape(request: Request, documents: list[dict[str, Any]], served: Served) -> Content:
    if request.tensor_options:
        document, raw = in_tensors(documents, request.tensor_options)
        version = {"model_version": served.version} if served.version else {}
        return Content({"model_name": served.name} | version | document, raw=raw)
    if request.shape is Shape.ONE:
        return Content(documents[0])
    return Content(documents if request.shape is Shape.MANY else {_LISTS[request.explain]: documents})
