"""Data sets of the hub: NAME@REVISION, with a place in it behind a slash, becomes a path."""

from pathlib import Path

from scripts.hub.address import address_in
from scripts.hub.snapshot import snapshot
from scripts.texts.parquet import PARQUET_SUFFIXES
from scripts.texts.records import SUFFIXES

TABLE_SUFFIXES = (*SUFFIXES, *PARQUET_SUFFIXES)
"""Of the files in a folder that are read. Files of plain lines are named one by one: a folder holds others, too."""
PATTERNS = tuple(f"*{suffix}{packed}" for suffix in TABLE_SUFFIXES for packed in ("", ".gz"))


def fetched(path: Path) -> Path:
    """The path itself where something is there, or nothing of the hub can be meant; else where the data set is now.

    Raises:
        LabError: see `snapshot`.
    """
    address = None if path.exists() else address_in(path)
    if address is None or Path(f"{address.name}@{address.revision}").exists():
        return path
    return snapshot(address, kind="dataset", patterns=PATTERNS, below=True, what="data set") / address.path
