"""Triggers that all workers of a model on one host remember together, and across restarts.

What one worker has verified, or an operator added or deleted, holds for every worker from its next text on. A file that
cannot be used when a model is loaded is an error; one that fails later never fails a request: the worker says so in its
log and goes on in memory until it is restarted.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from handler.xgraad.errors import RegistryError
from handler.xgraad.events import log_event
from handler.xgraad.memory.registry import MAX_ENTRIES, MemoryRegistry, Origin, Trigger, TriggerIndex
from handler.xgraad.memory.trigger_file import BUSY_S, Remembered, TriggerFile
from handler.xgraad.words.text import Word


class SqliteRegistry:
    """The triggers of one checkpoint in a file. Not for several threads at once.

    Args:
        path: the file; made when there is none, in a folder that exists.
        checkpoint: which model, as the fingerprint's hash of its weights.
        max_entries: triggers of this checkpoint that are kept.
        busy_s: seconds to wait for other processes.
        now: the time, in seconds since 1970.

    Raises:
        RegistryError: the file cannot be made or used.
    """

    def __init__(
        self,
        path: Path,
        *,
        checkpoint: str,
        max_entries: int = MAX_ENTRIES,
        busy_s: float = BUSY_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._checkpoint = checkpoint
        self._max_entries = max_entries
        self._now = now
        self._seen: Counter[Trigger] = Counter()
        self._fallback: MemoryRegistry | None = None
        self._file = TriggerFile(path, busy_s=busy_s)
        self._version = self._file.data_version()
        self._load()

    @property
    def is_shared(self) -> bool:
        """False once the file has failed."""
        return self._fallback is None

    def __len__(self) -> int:
        self._attempt(self._refresh)
        return len(self._triggers) if self._fallback is None else len(self._fallback)

    def find(self, words: Sequence[Word], label: int, *, count: bool = True) -> tuple[Word, ...]:
        """See `TriggerRegistry`."""
        self._attempt(self._refresh)
        if self._fallback is not None:
            return self._fallback.find(words, label, count=count)
        found = self._index.find(words, label)
        if count:
            self._seen.update(found.triggers)
        return found.words

    def add(self, triggers: Iterable[Trigger], origin: Origin = Origin.VERIFIED) -> None:
        """See `TriggerRegistry`. Once it returns, the triggers are in the file, unless that has failed."""
        kept = [trigger for trigger in triggers if trigger.is_memorable]
        if not kept:
            return
        self._attempt(lambda: self._write(kept, origin))
        if self._fallback is not None:
            self._fallback.add(kept, origin)

    def found(self) -> list[Trigger]:
        """See `TriggerRegistry`."""
        rows: list[Remembered] = []
        self._attempt(lambda: rows.extend(self._file.remembered(self._checkpoint)))
        return [row.trigger for row in rows if row.origin is not Origin.OPERATOR]

    def forget(self, triggers: Sequence[Trigger]) -> None:
        """See `TriggerRegistry`."""
        self._attempt(lambda: self._delete(triggers))
        if self._fallback is not None:
            self._fallback.forget(triggers)

    def flush(self) -> None:
        """Write down which triggers were seen; no transaction where there were none."""
        if self._seen:
            self._attempt(lambda: self._write([], Origin.VERIFIED))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _write(self, triggers: Sequence[Trigger], origin: Origin) -> None:
        self._file.write(
            self._checkpoint,
            triggers,
            origin,
            seen=self._seen,
            now=int(self._now()),
            max_entries=self._max_entries,
        )
        self._seen.clear()
        if triggers:
            self._load()  # a connection is not told of its own changes

    def _delete(self, triggers: Sequence[Trigger]) -> None:
        for trigger in triggers:
            self._file.delete(self._checkpoint, trigger)
        self._load()

    def _refresh(self) -> None:
        """Load again what others have changed; counts and dates do not matter here."""
        version = self._file.data_version()
        if version == self._version:
            return
        if self._file.state(self._checkpoint) != self._state:
            self._load()
        self._version = version

    def _load(self) -> None:
        self._state, self._triggers = self._file.load(self._checkpoint)
        self._index = TriggerIndex(self._triggers)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Do something with the file; when that fails, never try again and remember in memory."""
        if self._fallback is not None:
            return
        try:
            action()
        except RegistryError as error:
            consequence = "this worker remembers in memory until it is restarted"
            log_event("registry_failed", level=logging.WARNING, message=str(error), consequence=consequence)
            self._fallback = MemoryRegistry(max_entries=self._max_entries)
            self._fallback.add(self._triggers)
            self._seen.clear()
