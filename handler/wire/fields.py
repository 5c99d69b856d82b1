"""A batch row as the fields of a JSON object, whatever framing it came in.

A row is what the server makes of one client's call: `body` or `data` for a whole body, one key per form field or per
gRPC map entry. A body is what it declares. Where it declares nothing, an object or a list in JSON is JSON, and what
begins like one and is none is refused, as is what could be either: nobody's JSON is judged as a text. At KServe's
addresses there is nothing but JSON. A form's or a gRPC entry's `text` is a text, whatever it looks like.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from handler.refusal import RefusedError, json_type
from handler.wire.binary import INPUTS, with_elements
from handler.wire.charset import charset_named, decode
from handler.wire.framing import JSON_LENGTH, BodyKind, Framing

BODY_FIELDS = ("body", "data")
TEXT_FIELDS = ("text", "texts", "instances", INPUTS)
PAIR_FIELD = "text_pair"
"""The second text, beside the first one's `text`, where a model judges pairs."""
HINT = 'send {"text": "..."} or {"texts": ["...", ...]} with Content-Type: application/json'
CHARSET_FIELD = "_charset_"
"""In which a form says its charset, by the HTML standard."""
_JSON_FIELDS = {"texts": "list", "instances": "list", INPUTS: "list", "outputs": "list", "parameters": "object"}
_LIKE_JSON = re.compile(r'\s*(?:\{|\[\s*["{\[])')
"""How JSON with texts in it begins. A bracket alone also begins a text: "[sic] ..."."""


def fields_of(row: Mapping[str, Any], framing: Framing, types: Mapping[str, str]) -> Mapping[str, Any]:
    """The fields.

    Args:
        row: the batch row.
        framing: what the request declares.
        types: the declared type of each of the row's values, where the server knows one.

    Raises:
        RefusedError: the row is not what is declared, or not what is read here.
    """
    if framing.kind is BodyKind.FORM:
        row, framing = _in_charset(row, framing)
        _refuse_at_kserve(framing)
    body_fields = [name for name in BODY_FIELDS if name in row]
    if body_fields:
        if set(row) - {body_fields[0], "explain"}:
            raise RefusedError(422, "unknown_field", f"{body_fields[0]}: may only stand beside explain; {HINT}")
        extra = {name: _form_value(name, value, framing, types) for name, value in row.items() if name == "explain"}
        return {**_body(row[body_fields[0]], framing.of_part(types.get(body_fields[0], ""))), **extra}
    if any(name.lstrip().startswith("{") for name in row):
        raise RefusedError(415, "json_as_form", f"body: JSON was sent as a form; {HINT}")
    return {name: _form_value(name, value, framing, types) for name, value in row.items()}


def _in_charset(row: Mapping[str, Any], framing: Framing) -> tuple[Mapping[str, Any], Framing]:
    """A form without the field that names its charset."""
    if CHARSET_FIELD not in row:
        return row, framing
    named = row[CHARSET_FIELD]
    name = named.decode("ascii", "replace") if isinstance(named, bytes | bytearray) else str(named)
    rest = {field: value for field, value in row.items() if field != CHARSET_FIELD}
    return rest, replace(framing, charset=charset_named(name.strip()))


def _refuse_at_kserve(framing: Framing) -> None:
    if framing.is_kserve:
        message = f"Content-Type: at /v1 and /v2 a body is JSON, got {framing.kind}; {HINT}"
        raise RefusedError(415, "unsupported_type", message)


def _body(value: Any, framing: Framing) -> Mapping[str, Any]:
    document = _document(value, framing)
    if isinstance(document, str) and not framing.is_kserve:
        return {"text": document}
    if isinstance(document, Mapping):
        return document
    raise RefusedError(422, "wrong_type", f"body: must be a JSON object, got {json_type(document)}; {HINT}")


def _document(value: Any, framing: Framing) -> Any:
    if framing.kind is BodyKind.TEXT:
        _refuse_at_kserve(framing)
        return framing.text("body", value) if isinstance(value, str | bytes | bytearray) else value
    if framing.is_read(value):
        return framing.read(value)
    if framing.json_bytes is not None:
        return _extended(framing.raw(value), framing.json_bytes, framing)
    text = framing.text("body", value)
    return _loaded(text) if framing.kind is BodyKind.JSON or framing.is_kserve else _undeclared(text)


def _extended(data: bytes, json_bytes: int, framing: Framing) -> Any:
    if json_bytes > len(data):
        raise RefusedError(400, "malformed_tensor", f"{JSON_LENGTH}: the body has {len(data)} bytes, and not so many")
    return with_elements(_loaded(decode("body", data[:json_bytes], framing.charset)), data[json_bytes:])


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise RefusedError(400, "malformed_json", f"body: is not valid JSON; {HINT}") from None


def _undeclared(text: str) -> Any:
    """JSON or a text, where the bytes leave no doubt. Zeros are no text's, but another charset's or a file's."""
    if "\0" in text:
        message = "body: has zero bytes, as UTF-16 does; declare text/plain and the charset"
        raise RefusedError(415, "unsupported_charset", message)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        if _LIKE_JSON.match(text):
            message = f"body: begins like JSON and is not valid; {HINT}, or a text with text/plain"
            raise RefusedError(400, "malformed_json", message) from None
        return text
    if isinstance(content, dict | list):
        return content
    message = f"body: {json_type(content)} in JSON or a text; {HINT}, or a text with text/plain"
    raise RefusedError(415, "unsupported_type", message)


def _form_value(name: str, value: Any, framing: Framing, types: Mapping[str, str]) -> Any:
    """A form field or gRPC map entry: text as it is, JSON where the field or its type says so."""
    if framing.kind in (BodyKind.FORM, BodyKind.UNDECLARED):
        framing = replace(framing, kind=BodyKind.FORM).of_part(types.get(name, ""))
    if framing.is_read(value):
        return framing.read(value)
    where = name if name in (*BODY_FIELDS, *TEXT_FIELDS, PAIR_FIELD, *_JSON_FIELDS, "explain", "id") else "a field"
    text = framing.text(where, value)
    if name not in _JSON_FIELDS and framing.kind is not BodyKind.JSON:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        wanted = f"must be a JSON {_JSON_FIELDS[name]}" if name in _JSON_FIELDS else "is not valid JSON"
        raise RefusedError(400, "malformed_json", f"{where}: {wanted}") from None
