"""What a folder of verdicts was made of: its files, its model and the settings. Parts of anything else never mix."""

import hashlib
import json
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import ceil
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from handler.xgraad.learned.audit import AUDIT_FILE
from handler.xgraad.learned.strict_json import first_fault
from scripts.console.errors import LabError
from scripts.corpus.corpus_file import CorpusFile
from scripts.texts.reading import ReadingOptions

MANIFEST = "manifest.json"
SUMMARY = "summary.json"
"""What a run comes to, in the same folder."""
FORMAT = "xgraad-corpus-1"


@dataclass(frozen=True, kw_only=True)
class CorpusSettings:
    """What a verdict depends on besides the text and the model, and how rows are cut into shards."""

    reading: ReadingOptions
    shard_rows: int
    """Rows of a shard, the least that is done or not done."""
    max_chars: int
    """Of a text; a longer one becomes an error row, as a server refuses it."""
    keep_text: bool
    """Whether the texts stand beside their verdicts."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Some rows of one file."""

    number: int
    """Over all files, from 0 up."""
    file: int
    """Place of the file in the manifest."""
    first: int
    """Number of the first row in the file, from 0 up."""
    n_rows: int
    start: int
    """First byte of the first row, unpacked; 0 for Parquet."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Everything that a worker needs beside the number of a shard."""

    format: str
    files: tuple[CorpusFile, ...]
    calibration: str
    """SHA-256 of the calibration, which is bound to the checkpoint."""
    audit: str | None
    """SHA-256 of the checkpoint's audit.json; None without one."""
    settings: CorpusSettings

    @property
    def n_rows(self) -> int:
        """Of all files."""
        return sum(file.n_rows for file in self.files)

    @property
    def n_shards(self) -> int:
        """Of all files."""
        return self._firsts[-1]

    def shard(self, number: int) -> Shard:
        """The shard of a number, from 0 up to `n_shards`."""
        place = bisect_right(self._firsts, number) - 1
        file, index = self.files[place], number - self._firsts[place]
        first = index * self.settings.shard_rows
        return Shard(
            number=number,
            file=place,
            first=first,
            n_rows=min(self.settings.shard_rows, file.n_rows - first),
            start=file.starts[index] if file.layout else 0,
        )

    @cached_property
    def _firsts(self) -> list[int]:
        """Number of each file's first shard, and that of all."""
        counts = [ceil(file.n_rows / self.settings.shard_rows) for file in self.files]
        return list(accumulate(counts, initial=0))


_ADAPTER = TypeAdapter(Manifest)


def manifest_of(
    files: tuple[CorpusFile, ...], *, checkpoint: Path, calibration: Path, settings: CorpusSettings
) -> Manifest:
    """The manifest of a run.

    Raises:
        OSError: the calibration cannot be read.
    """
    audit = checkpoint / AUDIT_FILE
    return Manifest(
        format=FORMAT,
        files=files,
        calibration=hashlib.sha256(calibration.read_bytes()).hexdigest(),
        audit=hashlib.sha256(audit.read_bytes()).hexdigest() if audit.is_file() else None,
        settings=settings,
    )


def begin(folder: Path, manifest: Manifest) -> bool:
    """Make a folder the one of this run, or find that it is; returns whether it was.

    Raises:
        LabError: it holds something else.
    """
    path = folder / MANIFEST
    if path.is_file():
        _require(path, manifest)
        return True
    if folder.is_dir() and any(folder.iterdir()):
        raise LabError(f"--out {folder}: must be empty or hold a run of this command, holds other files; name another")
    folder.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{MANIFEST}")
    made.write_bytes(_ADAPTER.dump_json(manifest, indent=1))
    made.replace(path)
    return False


def _require(path: Path, manifest: Manifest) -> None:
    """Refuse to go on with parts of other rows, another model or other settings; the first difference is named."""
    cure = "give back what it was made of, or name another --out"
    try:
        there = _ADAPTER.validate_json(path.read_bytes())
    except ValidationError as error:
        raise LabError(f"{path}: {first_fault(error)}; {cure}") from error
    wanted, found = (json.loads(_ADAPTER.dump_json(each)) for each in (there, manifest))
    difference = _difference(wanted, found)
    if difference:
        raise LabError(f"{path.parent}: was begun with {difference}; {cure}")


def _difference(wanted: Any, found: Any, where: str = "") -> str | None:
    """The first field in which two documents differ, with both values."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        parts = [(f"{where}.{key}".lstrip("."), wanted.get(key), found.get(key)) for key in {**wanted, **found}]
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        parts = [(f"{where}[{place}]", *both) for place, both in enumerate(zip(wanted, found, strict=True))]
    elif isinstance(wanted, list) and isinstance(found, list):
        return f"{len(wanted)} {where}, now there are {len(found)}"
    else:
        return None if wanted == found else f"{where} {wanted!r}, now it is {found!r}"
    return next((told for name, old, new in parts if (told := _difference(old, new, name))), None)
