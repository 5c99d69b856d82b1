"""A compressed body as it was before, and never more of it than a request may have."""

import zlib
from collections.abc import Mapping

from handler.refusal import RefusedError
from handler.settings import Settings

CODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""What is read, and zlib's number for its format; `deflate` is RFC 1950, as HTTP has it."""
BYTES_PER_CHAR = 12
"""Of the longest JSON that a character can be: two escapes such as `\\ud83d\\ude00`."""
ROOM_BYTES = 65_536
"""For what stands around the texts of a request."""
_PLAIN = ("", "identity", "chunked", "7bit", "8bit", "binary")
_HEADERS = ("transfer-encoding", "content-encoding", "content-transfer-encoding")
_KNOWN = (
    *CODINGS, "aes128gcm", "base64", "br", "bzip2", "compress", "dcb", "dcz", "exi", "lz4", "lzma", "pack200-gzip",
    "quoted-printable", "snappy", "x-compress", "xz", "zlib", "zstd",
)  # fmt: skip
"""What messages may name. Anything else may be a client's text."""


def most_bytes(settings: Settings) -> int:
    """How long a body may be that holds all the characters a request may have."""
    return BYTES_PER_CHAR * settings.max_request_chars + ROOM_BYTES


def coding_of(headers: Mapping[str, str]) -> str | None:
    """The coding that a request declares; None for bytes as they are.

    Raises:
        RefusedError: 415, there is more than one, or none of `CODINGS`.
    """
    declared = [part.strip().lower() for name in _HEADERS for part in headers.get(name, "").split(",")]
    codings = [coding for coding in declared if coding not in _PLAIN]
    if not codings:
        return None
    if len(codings) == 1 and codings[0] in CODINGS:
        return codings[0]
    named = ", ".join(coding if coding in _KNOWN else "an unknown one" for coding in codings[:4])
    raise RefusedError(
        415, "unsupported_encoding", f"Content-Encoding: {named} is not read; send gzip or deflate, once"
    )


def decompress(data: bytes, coding: str, *, most: int) -> bytes:
    """The bytes of a body before they were compressed.

    Args:
        data: the compressed ones.
        coding: a key of `CODINGS`.
        most: how many may come out.

    Raises:
        RefusedError: 400, they are not what was declared, or stop too early; 413, too many come out.
    """
    engine = zlib.decompressobj(CODINGS[coding])
    try:
        whole = engine.decompress(data, most + 1)
    except zlib.error:
        raise no_coding(coding) from None
    if len(whole) > most:
        raise RefusedError(413, "too_long", f"body: {most} bytes are allowed when it is decompressed, and it has more")
    if not engine.eof or engine.unused_data:
        raise no_coding(coding)
    return whole


def no_coding(coding: str) -> RefusedError:
    """What to say of a body that is not in the coding that was declared."""
    return RefusedError(400, "malformed_encoding", f"body: is not whole in the declared Content-Encoding, {coding}")
