"""The characters of a file that a user names: unpacked, decoded, without byte order marks."""

import codecs
import gzip
import zlib
from pathlib import Path

from scripts.console.errors import LabError

GZIP_MAGIC = b"\x1f\x8b"
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
MARK = "\ufeff"
MARKED = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""How encodings other than UTF-8 mark their files, the longer marks first: UTF-32's begins like UTF-16's."""


def read_file(path: Path, *, encoding: str | None = None) -> str:
    """The characters of a file.

    Args:
        path: gzip or not.
        encoding: None for UTF-8.

    Raises:
        LabError: see `read_content` and `decoded`.
    """
    return decoded(read_content(path), str(path), encoding=encoding)


def read_content(path: Path) -> bytes:
    """The bytes of a file, unpacked.

    Args:
        path: gzip (told by its first bytes, not its name) or not.

    Raises:
        LabError: missing or damaged; the message names the file.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(GZIP_MAGIC) else content
    except (OSError, EOFError, zlib.error) as error:
        raise LabError(f"{path}: cannot be read: {error}") from error


def decoded(content: bytes, name: str, *, encoding: str | None = None) -> str:
    """What bytes say.

    Args:
        content: of a file, or of standard input.
        name: of where they come from, for messages.
        encoding: None for UTF-8.

    Raises:
        LabError: a Git LFS pointer, or bytes that are of another encoding.
    """
    if content.startswith(LFS_POINTER):
        raise LabError(f"{name}: is a Git LFS pointer, not the data; fetch the file with git lfs pull")
    marked = next((known for mark, known in MARKED.items() if content.startswith(mark)), None)
    if encoding is None and marked:
        raise LabError(f"{name}: must be UTF-8, is {marked.upper()}; {_cure(marked)}")
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeError as error:
        wanted, start = encoding or "UTF-8", getattr(error, "start", 0)
        likely = "utf-16-le" if b"\0" in content else "windows-1252"
        raise LabError(f"{name}: must be {wanted}, but the byte at {start} is not; {_cure(likely)}") from error
    if "\0" in text:
        raise LabError(f"{name}: must be {encoding or 'UTF-8'}, but holds zero bytes; {_cure('utf-16-le')}")
    return text.lstrip(MARK)


def _cure(encoding: str) -> str:
    return f"name its encoding, such as --encoding {encoding}, or save it as UTF-8"
