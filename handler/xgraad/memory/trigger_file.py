"""The file of a trigger registry: one SQLite table that many processes read and write at once.

It holds words, labels, counts and times, and no text. Write-ahead logging keeps readers and writers apart; what a write
has committed survives the end of any process, but the last of it may be lost when the whole machine loses power.
The file must lie on a local disk. Every failure is a `RegistryError` that names the file.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from handler.xgraad.errors import RegistryError
from handler.xgraad.memory.registry import Origin, Trigger
from handler.xgraad.memory.row_words import keys_in, recomposed, words_of

APPLICATION = 0x58475244
"""Marks the file as ours, in SQLite's header."""
SCHEMA = 1
BUSY_S = 5.0
"""How long to wait for other processes before a read or write counts as failed."""

# An id is never used again, so the number of rows and the highest id tell whether a set of triggers has changed.
_CREATE = f"""
PRAGMA journal_mode = WAL;
BEGIN;
CREATE TABLE triggers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    checkpoint TEXT NOT NULL,
    words TEXT NOT NULL,
    target INTEGER NOT NULL,
    origin TEXT NOT NULL,
    hits INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    UNIQUE (checkpoint, words, target)
);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {SCHEMA};
COMMIT;
"""
_VERIFIED = """
INSERT INTO triggers (checkpoint, words, target, origin, hits, first_seen, last_seen) VALUES (?, ?, ?, ?, 1, ?, ?)
ON CONFLICT (checkpoint, words, target) DO UPDATE SET hits = hits + 1, last_seen = max(last_seen, excluded.last_seen)
"""
_TOLD = """
INSERT INTO triggers (checkpoint, words, target, origin, hits, first_seen, last_seen) VALUES (?, ?, ?, ?, 0, ?, ?)
ON CONFLICT (checkpoint, words, target) DO UPDATE SET origin = excluded.origin WHERE origin <> 'operator'
"""
_SEEN = """
UPDATE triggers SET hits = hits + ?, last_seen = max(last_seen, ?) WHERE checkpoint = ? AND words = ? AND target = ?
"""
_FORGET = """
DELETE FROM triggers WHERE id IN (
    SELECT id FROM triggers WHERE checkpoint = ?
    ORDER BY origin = 'verified', last_seen DESC, id DESC LIMIT -1 OFFSET ?
)
"""
_STATE = "SELECT count(*), coalesce(max(id), 0) FROM triggers WHERE checkpoint = ?"
_DELETE = "DELETE FROM triggers WHERE checkpoint = ? AND words = ? AND target = ?"
_ALL = "SELECT id, words FROM triggers"
_REWRITE = "UPDATE OR REPLACE triggers SET words = ? WHERE id = ?"
_LOAD = "SELECT id, words, target FROM triggers WHERE checkpoint = ?"
_LIST = """
SELECT checkpoint, words, target, origin, hits, first_seen, last_seen FROM triggers
WHERE checkpoint = coalesce(?, checkpoint) ORDER BY last_seen DESC, id DESC
"""


class Remembered(NamedTuple):
    """One row of the file; times are whole seconds since 1970, UTC."""

    checkpoint: str
    trigger: Trigger
    origin: Origin
    hits: int
    """Texts in which it was verified or found."""
    first_seen: int
    last_seen: int


class State(NamedTuple):
    """Equal states of one checkpoint mean equal triggers."""

    n_triggers: int
    highest_id: int


class TriggerFile:
    """An open registry file; made when there is none, readable by its owner alone, unless `create` says otherwise.

    Raises:
        RegistryError: here and in every method: the file cannot be read or written, is damaged, or is not ours.
    """

    def __init__(self, path: Path, *, create: bool = True, busy_s: float = BUSY_S) -> None:
        self.path = path.absolute()
        with self._explained():
            if create and not self.path.exists():
                _create(self.path)
            self._identity = self._identify()
            # Without mode=rw a file that vanishes here would be made anew, and empty.
            self._database = sqlite3.connect(
                f"{self.path.as_uri()}?mode=rw", uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False
            )
            try:
                self._check()
            except BaseException:
                self._database.close()
                raise

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def data_version(self) -> int:
        """Changes whenever another connection has written; a look costs microseconds."""
        with self._explained():
            self._require_place()
            return self._number("PRAGMA data_version")

    def state(self, checkpoint: str) -> State:
        """What to compare with an earlier state."""
        with self._explained():
            return State(*self._database.execute(_STATE, (checkpoint,)).fetchone())

    def load(self, checkpoint: str) -> tuple[State, list[Trigger]]:
        """All triggers of a checkpoint, and the state that they stand for."""
        with self._explained():
            rows = self._database.execute(_LOAD, (checkpoint,))
            found = [(number, Trigger(keys_in(words), target)) for number, words, target in rows]
        return State(len(found), max((number for number, _ in found), default=0)), [trigger for _, trigger in found]

    def remembered(self, checkpoint: str | None = None) -> list[Remembered]:
        """Everything there is, or what there is of one checkpoint; the latest seen first."""
        with self._explained():
            rows = self._database.execute(_LIST, (checkpoint,))
            return [
                Remembered(owner, Trigger(keys_in(words), target), Origin(origin), *numbers)
                for owner, words, target, origin, *numbers in rows
            ]

    def write(
        self,
        checkpoint: str,
        triggers: Sequence[Trigger],
        origin: Origin,
        *,
        seen: Mapping[Trigger, int],
        now: int,
        max_entries: int,
    ) -> None:
        """Add triggers and count those `seen` so many times, all or nothing; see `TriggerRegistry.add` for origins."""
        with self._transaction() as database:
            database.executemany(
                _SEEN, [(count, now, checkpoint, words_of(trigger), trigger.target) for trigger, count in seen.items()]
            )
            database.executemany(
                _VERIFIED if origin is Origin.VERIFIED else _TOLD,
                [(checkpoint, words_of(each), each.target, origin.value, now, now) for each in triggers],
            )
            if triggers:
                database.execute(_FORGET, (checkpoint, max_entries))

    def delete(self, checkpoint: str, trigger: Trigger) -> bool:
        """Forget one; false when it was not there."""
        with self._transaction() as database:
            return database.execute(_DELETE, (checkpoint, words_of(trigger), trigger.target)).rowcount > 0

    def _check(self) -> None:
        """Refuse what is not ours, newer, damaged or not to be written."""
        if self._number("PRAGMA application_id") != APPLICATION:
            raise RegistryError(f"{self.path}: is no trigger registry")
        if (version := self._number("PRAGMA user_version")) != SCHEMA:
            raise RegistryError(f"{self.path}: has schema {version}, this version reads {SCHEMA}")
        (found,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise RegistryError(f"{self.path}: is damaged; restore it or move it away")
        self._database.execute("PRAGMA synchronous = NORMAL")
        with self._transaction() as database:  # a file that cannot be written is better refused now
            database.executemany(_REWRITE, recomposed(database.execute(_ALL).fetchall()))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Write all or nothing. The lock is taken at the start, where waiting for others cannot deadlock."""
        with self._explained():
            self._require_place()
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            finally:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise RegistryError(f"{self.path}: {error}") from error

    def _number(self, pragma: str) -> int:
        return int(self._database.execute(pragma).fetchone()[0])

    def _identify(self) -> tuple[int, int]:
        found = self.path.stat()
        return found.st_dev, found.st_ino

    def _require_place(self) -> None:
        """A file that was deleted stays open, and what is written to it is lost."""
        if self._identify() != self._identity:
            raise RegistryError(f"{self.path}: was replaced by another file")


def _create(path: Path) -> None:
    """Make an empty file that appears whole or not at all: workers start at once, and any of them may be killed."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".registry-") as folder:
        draft = Path(folder, "draft.sqlite")
        draft.touch(mode=0o600)
        with closing(sqlite3.connect(draft, isolation_level=None)) as database:
            database.executescript(_CREATE)
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another worker was faster
