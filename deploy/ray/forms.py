"""Forms as bytes to their fields, as TorchServe's frontend takes them apart.

A form that is none gets a 400 that quotes nothing of it. Each byte is looked at a few times, however the parts nest.
"""

from collections.abc import Iterator
from email.message import Message
from email.parser import HeaderParser
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from handler.refusal import RefusedError

URL_ENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_HEX = frozenset(b"0123456789abcdefABCDEF")


class FormField(NamedTuple):
    """One field."""

    name: str
    media_type: str
    """What a file's part declares; empty for others, whatever they declare."""
    value: bytes


def is_form(content_type: str) -> bool:
    """Whether a body of this declared type is taken apart; one of several parts only where it names what parts them."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == URL_ENCODED or (media_type == MULTIPART and bool(_boundary(content_type)))


def form_fields(content_type: str, body: bytes) -> list[FormField]:
    """The fields of a form, in order.

    Raises:
        RefusedError: 400, it is none.
    """
    if content_type.partition(";")[0].strip().lower() == URL_ENCODED:
        return list(_pairs(body))
    return [_part(part) for part in _parts(body, _boundary(content_type).encode("latin-1"))]


def _pairs(body: bytes) -> Iterator[FormField]:
    pieces = body.removesuffix(b"\n").removesuffix(b"\r").split(b"&")
    for index, piece in enumerate(pieces):
        name, has_value, value = piece.partition(b"=")
        if not piece or (not has_value and index == len(pieces) - 1):
            continue  # a last name without a value is dropped
        if not name:
            raise _malformed("a field has no name")
        yield FormField(_plain(name).decode("utf-8", "replace"), "", _plain(value))


def _plain(encoded: bytes) -> bytes:
    """Without percent signs and plus signs that stand for something."""
    parts = encoded.split(b"%")[1:]
    if not all(len(part) >= 2 and set(part[:2]) <= _HEX for part in parts):
        raise _malformed("behind a % stand two hexadecimal digits")
    return unquote_to_bytes(encoded.replace(b"+", b" "))


def _boundary(content_type: str) -> str:
    """What stands between the parts; empty where it is not declared."""
    message = Message()
    message["Content-Type"] = content_type
    return message.get_boundary("") or ""


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """The parts of a form, headers and all; one that is not closed is none."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]
    closed = next((index for index, piece in enumerate(pieces) if piece.startswith(b"--")), len(pieces) - 1)
    return pieces[: max(closed, 0)]


def _part(part: bytes) -> FormField:
    head, _, value = part.partition(b"\r\n\r\n")
    headers = HeaderParser().parsestr(head.decode("latin-1").lstrip())
    name = headers.get_param("name", header="content-disposition")
    if not isinstance(name, str) or not name:
        raise _malformed("a part has no name")
    is_file = headers.get_param("filename", header="content-disposition") is not None
    return FormField(
        name=name.encode("latin-1", "replace").decode("utf-8", "replace"),
        media_type=headers.get_content_type() if is_file and "content-type" in headers else "",
        value=value,
    )


def _malformed(rule: str) -> RefusedError:
    return RefusedError(400, "malformed_form", f"body: is not a form; {rule}")
