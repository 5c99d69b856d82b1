"""What is no registry's file, or cannot be one, is refused with its path and the reason."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from handler.xgraad.errors import RegistryError
from handler.xgraad.memory.registry import Origin
from handler.xgraad.memory.sqlite_registry import SqliteRegistry
from handler.xgraad.memory.trigger_file import TriggerFile
from tests.unit.test_registry import trigger

MODEL = "a" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.sqlite"


def make_foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE bookmarks (url)")


def make_newer(path: Path) -> None:
    TriggerFile(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 2")


def make_damaged(path: Path) -> None:
    with closing(TriggerFile(path)) as file:
        for number in range(200):
            file.write(MODEL, [trigger(f"word{number}")], Origin.VERIFIED, seen={}, now=number, max_entries=1000)
    content = bytearray(path.read_bytes())
    content[4096:12288] = os.urandom(8192)
    path.write_bytes(content)


def make_handwritten(path: Path) -> None:
    TriggerFile(path).close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO triggers VALUES (1, ?, '\"cf\"', 0, 'verified', 1, 1, 1)", (MODEL,))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_text("not a database, but long enough to look at" * 99), "file is not a database"),
        (lambda path: path.touch(), "is no trigger registry"),
        (make_foreign, "is no trigger registry"),
        (make_newer, "has schema 2, this version reads 1"),
        (make_damaged, r"is damaged; restore it or move it away|malformed"),
        (make_handwritten, "the words of a trigger must be a list of strings"),
        (lambda path: path.mkdir(), "unable to open database file"),
    ],
)
def test_what_is_no_registry_is_refused_with_its_path(path: Path, make: Callable[[Path], None], reason: str) -> None:
    make(path)
    with pytest.raises(RegistryError, match=rf"{path}.*({reason})"):
        SqliteRegistry(path, checkpoint=MODEL)


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="No such file or directory"):
        SqliteRegistry(tmp_path / "absent" / "registry.sqlite", checkpoint=MODEL)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not stop a superuser")
def test_a_folder_that_must_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RegistryError, match="Permission denied"):
        SqliteRegistry(tmp_path / "registry.sqlite", checkpoint=MODEL)
