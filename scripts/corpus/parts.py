"""A shard's rows as one Parquet file, which is there in full or not at all, with what is counted of it beside them.

The file takes its place when it is complete. So a shard that is judged twice, because a worker died in between, still
has one part, and a run that goes on begins where parts are missing.
"""

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pyarrow
import pyarrow.parquet

from handler.xgraad.errors import reason
from handler.xgraad.memory.registry import Trigger
from scripts.console.errors import LabError
from scripts.corpus.tally import Tally

FOLDER = "verdicts"
KEY = b"xgraad"
"""Of the note in a part's metadata."""


@dataclass(kw_only=True)
class PartNote:
    """What is told of a part without reading its rows."""

    number: int
    """Of the last pass that made it, from 1 up."""
    tally: Tally
    met: dict[int, Counter[Trigger]] = field(default_factory=dict)
    """What each pass verified in it without knowing it, and how often."""

    def to_json(self) -> str:
        """For the metadata."""
        met = {
            number: [[trigger.target, sorted(trigger.keys), n] for trigger, n in counts.items()]
            for number, counts in self.met.items()
        }
        return json.dumps({"number": self.number, "tally": self.tally.document(), "met": met})

    @classmethod
    def from_json(cls, content: bytes) -> "PartNote":
        """Undo `to_json`."""
        found: Mapping[str, Any] = json.loads(content)
        met = {
            int(number): Counter({Trigger(frozenset(keys), target): n for target, keys, n in counts})
            for number, counts in found["met"].items()
        }
        return cls(number=found["number"], tally=Tally.of_document(found["tally"]), met=met)


def part_path(folder: Path, number: int) -> Path:
    """Where the part of a shard is, once there is one; names sort as the shards do."""
    return folder / FOLDER / f"part-{number:08d}.parquet"


def write_part(path: Path, table: pyarrow.Table, note: PartNote) -> None:
    """Write a part beside its place, see to it that it is on the disk, and let it take the place."""
    marked = table.replace_schema_metadata({KEY: note.to_json()})
    with NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".tmp", delete=False) as file:
        pyarrow.parquet.write_table(marked, file, compression="zstd")
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)


def read_note(path: Path) -> PartNote | None:
    """What is told of a part; None where there is none.

    Raises:
        LabError: the file is none of this command.
    """
    if not path.is_file():
        return None
    try:
        return PartNote.from_json(pyarrow.parquet.read_schema(path).metadata[KEY])
    except (pyarrow.ArrowException, OSError, TypeError, KeyError, ValueError) as error:
        raise LabError(f"{path}: must be a part as this command writes it: {reason(error)}; remove it") from error


def read_rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a part."""
    rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    return rows


def remove_unfinished(folder: Path) -> None:
    """Remove what a killed worker left half written."""
    for path in (folder / FOLDER).glob(".*.tmp"):
        path.unlink(missing_ok=True)
