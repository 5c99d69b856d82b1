"""Is an archive what was packed, and can it be unpacked without harm? Nothing of it is unpacked or run to find out.

What the checksums inside protect against, and what only the digest of the whole file does, is told in
`handler.integrity`. Beyond them, this looks for members that a .mar of ours never has: names that lead out of the
folder, links, names that stand twice, pickles, code beside the handler's, and sizes that would fill a disk.
"""

import hashlib
import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from handler.integrity import CHECKSUMS, IntegrityError, compare, parse_checksums
from handler.xgraad.files.pickles import PICKLE_SUFFIXES, may_be_pickle
from scripts.console.errors import LabError
from scripts.serving.archive_settings import MANIFEST, UNREADABLE, manifest_model, version_fault

ENTRY = "xgraad_handler.py"
SAFE_SUFFIXES = (".json", ".model", ".safetensors", ".txt", ".yaml")
"""Of data that build_archive packs; spiece.model is a table of pieces."""
PAGE_FILES = ("handler/page/page.css", "handler/page/page.html")
MAX_MEMBERS = 4096
MAX_BYTES = 16 * 2**30
"""Of all members together, unpacked."""
MAX_RATIO = 200
"""A member may unpack to so many times its packed size; build_archive packs without compression."""
BROKEN = (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, struct.error)
"""What zipfile raises on an archive that is none."""
_CHUNK = 2**20


@dataclass(frozen=True, kw_only=True)
class ArchiveReport:
    """What was found out about an archive."""

    digest: str
    """SHA-256 of the whole file, in hexadecimal."""
    n_files: int
    n_bytes: int
    """Of all members, unpacked."""
    faults: tuple[str, ...]
    """What is wrong, one line each; each begins with the name of a member, or of the archive."""


def archive_digest(path: Path) -> str:
    """SHA-256 of the file, in hexadecimal: what tells one archive from another."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_digest(path: Path, wanted: str) -> None:
    """Refuse an archive that is another than was wanted.

    Raises:
        LabError: names both digests.
    """
    found = archive_digest(path)
    if found != wanted.lower():
        raise LabError(f"{path} has the SHA-256 {found}, wanted {wanted}; it is not the archive that was built")


def check_archive(path: Path, *, sha256: str | None = None, max_bytes: int = MAX_BYTES) -> ArchiveReport:
    """Look at a whole archive.

    Args:
        path: the .mar file.
        sha256: the digest it must have, in hexadecimal.
        max_bytes: what its members may unpack to, together.

    Raises:
        LabError: no zip file at all.
        OSError: it cannot be read.
    """
    digest = archive_digest(path)
    faults = [f"{path.name}: has another SHA-256 than wanted"] if sha256 and digest != sha256.lower() else []
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            unsafe = [*_unsafe_as_a_whole(path, members, max_bytes), *(f for m in members for f in _unsafe(m))]
            # What is unsafe to unpack is not read, either.
            faults += unsafe or _changed(archive, members) or [*_unfit_manifest(archive)]
    except BROKEN as error:
        raise LabError(f"{path} is not a TorchServe archive ({error}); build it again") from error
    return ArchiveReport(
        digest=digest,
        n_files=len(members),
        n_bytes=sum(member.file_size for member in members),
        faults=tuple(faults),
    )


def _unsafe_as_a_whole(path: Path, members: list[zipfile.ZipInfo], max_bytes: int) -> Iterator[str]:
    twice = [name for name, count in Counter(member.filename.casefold() for member in members).items() if count > 1]
    yield from (f"{_shown(name)}: stands in the archive more than once" for name in twice)
    if len(members) > MAX_MEMBERS:
        yield f"{path.name}: may hold {MAX_MEMBERS} members, holds {len(members)}"
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        yield f"{path.name}: may unpack to {max_bytes} bytes, unpacks to {total}"
    if sum(member.compress_size for member in members) > path.stat().st_size:
        yield f"{path.name}: its members overlap"


def _unsafe(member: zipfile.ZipInfo) -> Iterator[str]:
    """What is wrong with a member, by what the archive says of it."""
    name, shown = member.orig_filename, _shown(member.orig_filename)
    parts = name.split("/")
    if name.startswith("/") or {"", ".", ".."} & set(parts) or re.search(r"[\\:\x00-\x1f\x7f]", name):
        yield f"{shown}: the name leads out of the folder, or into none"
        return
    if stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG):
        yield f"{shown}: is a link or a special file"
    if member.flag_bits & 0x1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        yield f"{shown}: is encrypted, or packed in an unusual way"
    if member.file_size > MAX_RATIO * max(member.compress_size, 1):
        yield f"{shown}: unpacks to more than {MAX_RATIO} times its size"
    path = PurePosixPath(name)
    if path.suffix in PICKLE_SUFFIXES:
        yield f"{shown}: pickles can run code and are refused"
    elif not _is_known(path):
        yield f"{shown}: is of no kind that belongs into an archive"


def _is_known(path: PurePosixPath) -> bool:
    if path.suffix == ".py":
        return str(path) == ENTRY or path.parts[0] == "handler"
    return path.suffix in SAFE_SUFFIXES or str(path) in (CHECKSUMS, *PAGE_FILES)


def _changed(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> list[str]:
    """What differs from the list of checksums, or is a pickle under another name."""
    faults = []
    found: dict[str, str | None] = {}
    for member in members:
        begin, found[member.filename] = _read(archive, member)
        if may_be_pickle(member.filename, begin):
            faults.append(f"{member.filename}: holds a pickle or another archive")
    if CHECKSUMS not in found:
        return [*faults, f"{CHECKSUMS}: is missing; the archive was built by something else, or long ago"]
    if found.pop(CHECKSUMS) is None:
        return [*faults, f"{CHECKSUMS}: cannot be read whole"]
    try:
        return faults + compare(parse_checksums(archive.read(CHECKSUMS).decode("utf-8")), found)
    except IntegrityError as error:
        return [*faults, str(error)]


def _unfit_manifest(archive: zipfile.ZipFile) -> Iterator[str]:
    """Why the archive could not be served under an address of its own."""
    try:
        fault = version_fault(manifest_model(archive))
    except UNREADABLE as error:
        fault = f"cannot be read ({type(error).__name__})"
    if fault:
        yield f"{MANIFEST}: {fault.removeprefix(MANIFEST).strip()}"


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[bytes, str | None]:
    """A member's first bytes and its digest, None where it is damaged. Never reads more than it is said to hold."""
    total, begin = hashlib.sha256(), b""
    try:
        with archive.open(member) as file:
            while chunk := file.read(_CHUNK):
                begin = begin or chunk[:8]
                total.update(chunk)
    except (*BROKEN, zlib.error, EOFError, OSError):
        return begin, None
    return begin, total.hexdigest()


def _shown(name: str) -> str:
    """A member's name as a terminal may see it."""
    return name if name.isascii() and name.isprintable() else ascii(name)
