"""One row of a TorchServe batch to a Request, or to a Refusal. Never raises: a bad row must not stop its neighbors.

A row is what TorchServe makes of one client's call (`body` or `data` for a whole body, one key per form field or per
gRPC map entry). JSON arrives parsed when the client said so, as bytes when it did not or when it is malformed.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from handler.refusal import Refusal, RefusedError, kind_of
from handler.settings import Settings
from handler.tensors import BESIDE, INPUTS, Inference, inference_of, texts_of
from handler.xgraad.errors import TextError
from handler.xgraad.text import check_text

BODY_FIELDS = ("body", "data")
TEXT_FIELDS = ("text", "texts", "instances", INPUTS)
HINT = 'send {"text": "..."} or {"texts": ["...", ...]} with Content-Type: application/json'


class Shape(StrEnum):
    """How the texts came, and so how the reply goes back."""

    ONE = "text"
    MANY = "texts"
    INSTANCES = "instances"
    INPUTS = INPUTS

    def place(self, index: int) -> str:
        """How messages name the text at `index`."""
        if self is Shape.ONE:
            return self.value
        return f"{self.value}[0].data[{index}]" if self is Shape.INPUTS else f"{self.value}[{index}]"


@dataclass(frozen=True, kw_only=True)
class Request:
    """Texts that can be judged."""

    texts: tuple[str, ...]
    shape: Shape
    explain: bool
    inference: Inference | None = None
    """What tensors came with; None in the other shapes."""


def parse_row(row: Mapping[str, Any], headers: Mapping[str, Any], settings: Settings) -> Request | Refusal:
    """What the client asks, or why it cannot be answered.

    Args:
        row: the batch row.
        headers: the client's, names in lower case; gRPC has none.
        settings: limits.
    """
    try:
        explain = _flag("explain", headers.get("explain", False))
        fields = _fields(row, content_type=str(headers.get("content-type", "")))
        return _request(fields, explain=explain, settings=settings)
    except RefusedError as refused:
        return refused.refusal


def _fields(row: Mapping[str, Any], *, content_type: str) -> Mapping[str, Any]:
    """The row as the fields of a JSON object."""
    body_fields = [name for name in BODY_FIELDS if name in row]
    if body_fields:
        if set(row) - {body_fields[0], "explain"}:
            raise RefusedError(422, "unknown_field", f"{body_fields[0]}: may only stand beside explain; {HINT}")
        extra = {name: _form_value(name, value) for name, value in row.items() if name == "explain"}
        return {**_body(row[body_fields[0]], content_type=content_type), **extra}
    if any(name.lstrip().startswith("{") for name in row):
        raise RefusedError(415, "json_as_form", f"body: JSON was sent as a form; {HINT}")
    return {name: _form_value(name, value) for name, value in row.items()}


def _body(body: Any, *, content_type: str) -> Mapping[str, Any]:
    if isinstance(body, bytes | bytearray):
        text = _decode("body", body)
        if "json" not in content_type.lower():
            return _json_object(text) or {"text": text}
        try:
            body = json.loads(text)
        except (ValueError, RecursionError):
            raise RefusedError(400, "malformed_json", f"body: is not valid JSON; {HINT}") from None
    if isinstance(body, str):
        return {"text": body}
    if isinstance(body, Mapping):
        return body
    raise RefusedError(422, "wrong_type", f"body: must be a JSON object, got {kind_of(body)}; {HINT}")


def _json_object(text: str) -> Mapping[str, Any] | None:
    """The object that an undeclared body or a gRPC field holds, None where it is plain text."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and set(content) & set(TEXT_FIELDS) else None


def _form_value(name: str, value: Any) -> Any:
    """A form field or gRPC map entry: text as it is, lists as JSON."""
    if not isinstance(value, bytes | bytearray):
        return value
    text = _decode(name, value)
    if name not in ("texts", "instances", INPUTS):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError(400, "malformed_json", f"{name}: must be a JSON list") from None


def _request(fields: Mapping[str, Any], *, explain: bool, settings: Settings) -> Request:
    beside = {"explain", *BESIDE} if INPUTS in fields else {"explain"}
    unknown = set(fields) - set(TEXT_FIELDS) - beside
    if unknown:
        raise RefusedError(
            422, "unknown_field", f"{len(unknown)} unknown field(s); known: {', '.join(TEXT_FIELDS)}, explain"
        )
    given = [name for name in TEXT_FIELDS if name in fields]
    if len(given) != 1:
        raise RefusedError(422, "missing_text", f"exactly one of {', '.join(TEXT_FIELDS)} is needed; {HINT}")
    shape = Shape(given[0])
    inference = inference_of(fields) if shape is Shape.INPUTS else None
    texts = _texts(shape, fields[shape])
    _check_texts(shape, texts, settings)
    explain = explain or _flag("explain", fields.get("explain", False))
    explain = explain or (inference is not None and _flag("parameters.explain", inference.explain))
    if explain and settings.detail != "full":
        message = f"explain: explanations are scores, and the setting detail: {settings.detail} tells none"
        raise RefusedError(403, "explanation_withheld", message)
    return Request(texts=texts, shape=shape, explain=explain, inference=inference)


def _texts(shape: Shape, value: Any) -> tuple[Any, ...]:
    """The texts as they came, one level unwrapped; not yet checked."""
    if shape is Shape.ONE:
        return (value,)
    if shape is Shape.INPUTS:
        return texts_of(value)
    if not isinstance(value, list):
        raise RefusedError(422, "wrong_type", f"{shape}: must be a list, got {kind_of(value)}")
    if shape is Shape.INSTANCES:
        return tuple(item["text"] if isinstance(item, dict) and set(item) == {"text"} else item for item in value)
    return tuple(value)


def _check_texts(shape: Shape, texts: tuple[Any, ...], settings: Settings) -> None:
    if not 1 <= len(texts) <= settings.max_texts:
        raise RefusedError(
            413 if texts else 422, "too_many_texts" if texts else "empty",
            f"{shape}: 1 to {settings.max_texts} texts are allowed, got {len(texts)}",
        )  # fmt: skip
    for index, text in enumerate(texts):
        _check_text(shape.place(index), text, settings)
    total = sum(map(len, texts))
    if total > settings.max_request_chars:
        raise RefusedError(
            413, "too_long", f"{shape}: {settings.max_request_chars} characters are allowed in all, got {total}"
        )


def _check_text(where: str, text: Any, settings: Settings) -> None:
    if not isinstance(text, str):
        raise RefusedError(422, "wrong_type", f"{where}: must be a string, got {kind_of(text)}")
    if not text.strip():
        raise RefusedError(422, "empty", f"{where}: must not be empty")
    if len(text) > settings.max_chars:
        raise RefusedError(413, "too_long", f"{where}: {settings.max_chars} characters are allowed, got {len(text)}")
    try:
        check_text(text)
    except TextError as error:
        raise RefusedError(422, "invalid_unicode", f"{where}: {error}") from None


def _decode(name: str, value: bytes | bytearray) -> str:
    try:
        return bytes(value).decode("utf-8")
    except UnicodeDecodeError as error:
        where = name if name in (*BODY_FIELDS, *TEXT_FIELDS, "explain") else "a field"
        raise RefusedError(400, "invalid_utf8", f"{where}: is not UTF-8 at byte {error.start}") from None


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise RefusedError(422, "wrong_type", f"{name}: must be true or false")
