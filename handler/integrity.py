"""Whether a model directory is, to the bit, what was packed: a list of checksums that travels in the archive.

The list holds the SHA-256 of every file but itself, in the form that `sha256sum --check` reads, too. The entry file
compares before it imports anything else of the archive, so that a file that was damaged on its way is named, and none
is half used.

What this protects against: bits that flip on disks and wires, a copy that broke off, a file exchanged or added in an
unpacked model. Against somebody who writes a new list for the files of his own there is only the archive's own digest:
compare what `build_archive` printed with `verify_archive --sha256`, or let `serve start --sha256` do it. A digest
is no signature, which `build_archive --sign` makes: whoever tells you the digest is whom you trust. And nothing can be
said about files that change after the comparison.

Needs the standard library alone and raises an error of its own: importing the error tree would run what is not checked.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

CHECKSUMS = "SHA256SUMS"
ENTRY_CACHE = re.compile(r"__pycache__/xgraad_handler\.[\w.-]+\.pyc(\.\d+)?")
"""Python's own copy of the entry file; it is made before the entry file can forbid that."""
_LINE = re.compile(r"([0-9a-f]{64})  ([^\n\r\0\\]+)")


class IntegrityError(RuntimeError):
    """A file is not what was packed. A RuntimeError: of these, and no others, TorchServe shows the message."""


def format_checksums(digests: Mapping[str, str]) -> str:
    """The list: one line per file, sorted by name."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def parse_checksums(text: str) -> dict[str, str]:
    """Digest by name, of what `format_checksums` wrote.

    Raises:
        IntegrityError: a line of another form, a name twice, out of order or outside the directory, or no line at all.
    """
    names: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LINE.fullmatch(line)
        if not found or ".." in found[2].split("/") or found[2].startswith("/") or found[2] == CHECKSUMS:
            raise IntegrityError(f"{CHECKSUMS}: line {number} must be a digest, two blanks and the name of a file")
        names[found[2]] = found[1]
    if format_checksums(names) != text or not names:
        raise IntegrityError(f"{CHECKSUMS}: must hold a sorted line for each file, each once; build the archive again")
    return names


def compare(expected: Mapping[str, str], found: Mapping[str, str | None]) -> list[str]:
    """What is wrong with each file, sorted by name; nothing where all is well.

    Args:
        expected: digest by name, as listed.
        found: the same of the files that are there; None where a file cannot be read.
    """
    faults = {name: f"{name}: is missing" for name in set(expected) - set(found)}
    faults |= {name: f"{name}: is not on the list in {CHECKSUMS}" for name in set(found) - set(expected)}
    for name in set(found) & set(expected):
        if found[name] is None:
            faults[name] = f"{name}: cannot be read whole"
        elif found[name] != expected[name]:
            faults[name] = f"{name}: was changed after packing (SHA-256 {found[name]}, packed {expected[name]})"
    return [faults[name] for name in sorted(faults)]


def require_unchanged(folder: Path) -> None:
    """Refuse a model directory that differs from its list in any file.

    Raises:
        IntegrityError: names the first file that differs, and how many more do.
    """
    try:
        expected = parse_checksums((folder / CHECKSUMS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise IntegrityError(f"{CHECKSUMS}: missing; build the archive with scripts.build_archive") from None
    except (OSError, UnicodeDecodeError) as error:
        raise IntegrityError(f"{CHECKSUMS}: cannot be read: {type(error).__name__}") from error
    faults = compare(expected, {name: file_digest(folder / name) for name in _files(folder)})
    if faults:
        more = f"; {len(faults) - 1} more file(s) differ" if len(faults) > 1 else ""
        raise IntegrityError(f"{faults[0]}{more}. Nothing of this model is used; copy or build the archive again")


def file_digest(path: Path) -> str | None:
    """SHA-256 of a regular file in hexadecimal; None for one that is a link, or special, or cannot be read."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _files(folder: Path) -> Iterable[str]:
    """Names of everything in the folder that is not a folder, but the list and the entry file's cache."""
    for parent, folders, files in os.walk(folder):
        linked = [name for name in folders if Path(parent, name).is_symlink()]
        for name in [*files, *linked]:
            relative = Path(parent, name).relative_to(folder).as_posix()
            if relative != CHECKSUMS and not ENTRY_CACHE.fullmatch(relative):
                yield relative
