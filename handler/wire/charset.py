"""Bytes to text by the charset that their sender declares; UTF-8 where nothing is declared."""

import codecs
import re

from handler.refusal import RefusedError

UTF_8, ASCII = "utf-8", "ascii"
MARK = "\ufeff"
"""The byte order mark: a note about the bytes, and no part of a text."""
CHARSETS = {
    UTF_8: "UTF-8",
    ASCII: "US-ASCII",
    "iso8859-1": "ISO-8859-1",
    "cp1252": "windows-1252",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16LE",
    "utf-16-be": "UTF-16BE",
    "utf-32": "UTF-32",
    "utf-32-le": "UTF-32LE",
    "utf-32-be": "UTF-32BE",
}
"""What is read: Python's name to the registered one."""
LIKE_ASCII = (UTF_8, ASCII, "iso8859-1", "cp1252")
"""Those in which ASCII characters are their own bytes."""
_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")


def charset_named(name: str) -> str:
    """Python's name of a declared charset.

    Raises:
        RefusedError: 415, it is none of `CHARSETS`.
    """
    found = _known(name)
    if found not in CHARSETS:
        known = ", ".join(CHARSETS.values())
        raise RefusedError(415, "unsupported_charset", f"charset: {found or 'an unknown one'} is not one of {known}")
    return found


def decode(where: str, data: bytes, charset: str) -> str:
    """The text, without a byte order mark.

    Args:
        where: names the bytes in messages.
        data: the bytes.
        charset: a key of `CHARSETS`.

    Raises:
        RefusedError: 400, the bytes are something else.
    """
    if charset in _MARKS and data and not data.startswith(_MARKS[charset]):
        name = CHARSETS[charset]
        message = f"{where}: {name} needs a byte order mark; declare {name}LE or {name}BE without one"
        raise RefusedError(400, "invalid_charset", message)
    try:
        return without_mark(data.decode(charset))
    except UnicodeDecodeError as error:
        message = f"{where}: is not {CHARSETS[charset]} at byte {error.start}"
        raise RefusedError(400, "invalid_utf8" if charset == UTF_8 else "invalid_charset", message) from None


def without_mark(text: str) -> str:
    """The text that a byte order mark stands before."""
    return text.lstrip(MARK)


def _known(name: str) -> str | None:
    """Python's name; None for what nobody knows. That may be anything, so no message repeats it."""
    if not _NAME.fullmatch(name):
        return None
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None
