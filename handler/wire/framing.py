"""What a request declares about its body, and what its address means for it.

Headers and bytes arrive as they were sent, with two exceptions: the server has read `application/json` and `text/*`
where they are UTF-8, whatever the declared charset and coding, and has taken forms apart. Of two headers of one name
the last arrives. The address does not arrive, but its marks do, among the headers: `EXPLAIN`, true or false, and at
`/predictions` and `/explanations` `OWN_ADDRESS`. So what has an `EXPLAIN` alone comes from KServe's `/v1` or `/v2`.
"""

import json
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from handler.refusal import RefusedError
from handler.settings import Settings
from handler.wire.charset import ASCII, CHARSETS, LIKE_ASCII, UTF_8, charset_named, decode
from handler.wire.coding import coding_of, decompress, most_bytes, no_coding

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
JSON_TYPE = "application/json"
JSON_LENGTH = "Inference-Header-Content-Length"
"""Of KServe's binary extension: how many bytes of the body are JSON; tensors follow."""
EXPLAIN, OWN_ADDRESS = "explain", "url_path"
"""The marks of an address."""
_CHARSET = re.compile(r""";\s*charset\s*=\s*["']?([^"';]*)""", re.IGNORECASE)


class BodyKind(StrEnum):
    """What a body or a form's part is."""

    JSON = "JSON"
    TEXT = "plain text"
    FORM = "a form"
    UNDECLARED = "undeclared"
    """No type, or one that says no more than that there are bytes."""


@dataclass(frozen=True, kw_only=True)
class Framing:
    """The declarations of one request."""

    media_type: str
    """In lower case, without parameters; empty where there is none."""
    kind: BodyKind
    charset: str
    """Python's name."""
    coding: str | None
    json_bytes: int | None
    """What `JSON_LENGTH` says."""
    body_bytes: str | None
    """What `Content-Length` says."""
    is_kserve: bool
    """Whether the address is of KServe's protocols, where a body is JSON."""
    is_grpc: bool
    """gRPC has no headers, neither with the request nor with the reply."""
    most_bytes: int
    """When decompressed."""

    def of_part(self, declared: str) -> "Framing":
        """That of the body, or of a form's field, for which the server names a type, too."""
        media_type = _media_type(declared)
        if self.kind is BodyKind.FORM:
            kind = _kind(media_type)
            if kind is BodyKind.FORM:
                raise RefusedError(415, "unsupported_type", "Content-Type: a form's field cannot be a form")
            return replace(self, media_type=media_type, kind=kind)
        if media_type and self.media_type and media_type != self.media_type:
            raise RefusedError(415, "unsupported_type", "Content-Type: must be sent once, got two that differ")
        media_type = self.media_type or media_type
        return replace(self, media_type=media_type, kind=_kind(media_type))

    def is_read(self, value: Any) -> bool:
        """Whether the server has read the JSON already. A string may be JSON's, or a text in which JSON stands."""
        return not isinstance(value, str | bytes | bytearray) or (
            isinstance(value, str) and self.media_type == JSON_TYPE
        )

    def read(self, value: Any) -> Any:
        """JSON that the server has read as UTF-8, if that is what was declared, or cannot have made a difference.

        Raises:
            RefusedError: 400 or 415, it may have, and the bytes are gone.
        """
        if self.coding:
            raise no_coding(self.coding)
        if self.charset not in (UTF_8, ASCII) and not (self.charset in LIKE_ASCII and _is_ascii(value)):
            message = (
                f"charset: {CHARSETS[self.charset]} was declared, and the JSON reads as UTF-8; declare UTF-8 or none"
            )
            raise RefusedError(415, "unsupported_charset", message)
        if self.json_bytes is not None and self.body_bytes not in (None, str(self.json_bytes)):
            raise RefusedError(400, "malformed_tensor", f"{JSON_LENGTH}: must be the number of bytes of the JSON")
        return value

    def raw(self, value: str | bytes | bytearray) -> bytes:
        """As they were before they were compressed. The server's strings were UTF-8."""
        data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
        return decompress(data, self.coding, most=self.most_bytes) if self.coding else data

    def text(self, where: str, value: str | bytes | bytearray) -> str:
        """What the bytes say."""
        return decode(where, self.raw(value), self.charset)


def framing_of(headers: Mapping[str, str], settings: Settings) -> Framing:
    """What the headers declare, their names in lower case.

    Raises:
        RefusedError: 415, it is not supported; 400, it cannot be.
    """
    declared = headers.get("content-type", "")
    media_type = _media_type(declared)
    framing = Framing(
        media_type=media_type,
        kind=_kind(media_type),
        charset=_charset(declared),
        coding=coding_of(headers),
        json_bytes=_json_bytes(headers.get(JSON_LENGTH.lower())),
        body_bytes=headers.get("content-length"),
        is_kserve=EXPLAIN in headers and OWN_ADDRESS not in headers,
        is_grpc=not headers,
        most_bytes=most_bytes(settings),
    )
    if framing.kind is BodyKind.FORM and framing.coding:
        message = f"Content-Encoding: {framing.coding} is not read of a form; send it as it is, or JSON"
        raise RefusedError(415, "unsupported_encoding", message)
    if framing.kind in (BodyKind.FORM, BodyKind.TEXT) and framing.json_bytes is not None:
        raise RefusedError(415, "unsupported_type", f"{JSON_LENGTH}: there is no JSON in {framing.kind}")
    return framing


def _media_type(declared: str) -> str:
    return declared.partition(";")[0].strip().lower()


def _kind(media_type: str) -> BodyKind:
    main, _, sub = media_type.partition("/")
    if media_type in ("", "application/octet-stream", "binary/octet-stream"):
        return BodyKind.UNDECLARED
    if media_type in FORMS:
        return BodyKind.FORM
    if media_type == "text/plain":
        return BodyKind.TEXT
    if main and "/" not in sub and "," not in sub and (sub in ("json", "x-json") or sub.endswith("+json")):
        return BodyKind.JSON
    named = media_type if media_type in mimetypes.types_map.values() else "what was declared"
    message = f"Content-Type: {named} is not read; send {JSON_TYPE}, text/plain or a form"
    raise RefusedError(415, "unsupported_type", message)


def _charset(declared: str) -> str:
    names = {name.strip().lower() for name in _CHARSET.findall(declared)} - {""}
    if len(names) > 1:
        raise RefusedError(415, "unsupported_charset", "charset: must be declared once, got two that differ")
    return charset_named(names.pop()) if names else UTF_8


def _json_bytes(declared: str | None) -> int | None:
    if declared is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", declared.strip(), re.ASCII):
        raise RefusedError(400, "malformed_tensor", f"{JSON_LENGTH}: must be a number of bytes")
    return int(declared)


def _is_ascii(value: Any) -> bool:
    try:
        return json.dumps(value, ensure_ascii=False).isascii()
    except RecursionError:
        return False
