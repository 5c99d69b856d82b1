"""Many processes on one registry file: nothing that was committed is lost, whoever is killed when."""

import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from handler.xgraad.memory.registry import Trigger
from handler.xgraad.memory.trigger_file import TriggerFile

PROJECT = Path(__file__).parents[2]
MODEL = "a" * 64
N_PROCESSES = 8
N_TRIGGERS = 40

# The package itself is left out: it imports torch, which takes longer than all the writing.
WRITE = """
import sys, types
from pathlib import Path

project, path, checkpoint, writer, n_triggers = sys.argv[1:]
package = types.ModuleType("handler.xgraad")
package.__path__ = [str(Path(project, "handler", "xgraad"))]
sys.path.insert(0, project)
import handler
sys.modules["handler.xgraad"] = package

from handler.xgraad.memory.registry import Trigger
from handler.xgraad.memory.sqlite_registry import SqliteRegistry
from handler.xgraad.words.text import split_words

registry = SqliteRegistry(Path(path), checkpoint=checkpoint, max_entries=10**6, busy_s=60)
for number in range(int(n_triggers)):
    registry.add([Trigger(frozenset({writer, str(number)}), 0)])
    if not registry.is_shared:
        sys.exit("the file failed")
    print(number, flush=True)
    found = registry.find(split_words(f"{writer} {number}"), 0)
    assert len(found) == 2, "what was added is not found"
    registry.flush()
"""


class Writer(NamedTuple):
    """A process that adds triggers and tells of each one that is committed."""

    name: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, path: Path, name: str) -> "Writer":
        command = [sys.executable, "-c", WRITE, str(PROJECT), str(path), MODEL, name, str(N_TRIGGERS)]
        return cls(name, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))

    def kill_after(self, n_lines: int) -> list[int]:
        """Kill it as soon as it has told of so many; returns what it told of until then."""
        assert self.process.stdout is not None
        told = [self.process.stdout.readline() for _ in range(n_lines)]
        self.process.send_signal(signal.SIGKILL)
        told += self.process.stdout.readlines()  # what it told of in the meantime
        self.process.communicate(timeout=60)
        assert self.process.returncode == -signal.SIGKILL
        return [int(line) for line in told if line.endswith("\n")]

    def finish(self) -> list[int]:
        out, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return [int(line) for line in out.splitlines()]


def one_round(path: Path, number: int, *, n_lines: tuple[int, ...]) -> set[Trigger]:
    """Start all at once, kill one for each entry of `n_lines`; returns what was told to be committed."""
    writers = [Writer.start(path, f"r{number}w{index}") for index in range(N_PROCESSES)]

    def watch(index: int) -> list[Trigger]:
        told = writers[index].kill_after(n_lines[index]) if index < len(n_lines) else writers[index].finish()
        assert index < len(n_lines) or told == list(range(N_TRIGGERS))
        return [Trigger(frozenset({writers[index].name, str(each)}), 0) for each in told]

    with ThreadPoolExecutor(N_PROCESSES) as pool:
        return set(chain.from_iterable(pool.map(watch, range(N_PROCESSES))))


def test_eight_processes_write_and_some_are_killed(tmp_path: Path) -> None:
    path = tmp_path / "registry.sqlite"
    committed: set[Trigger] = set()
    for number, n_lines in enumerate([(3, 11), (1, 7)]):
        committed |= one_round(path, number, n_lines=n_lines)
    n_whole = 2 * (N_PROCESSES - 2) * N_TRIGGERS
    assert len(committed) >= n_whole + 3 + 11 + 1 + 7
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with closing(TriggerFile(path, create=False)) as file:
        rows = file.remembered(MODEL)
    assert committed <= {row.trigger for row in rows}
    assert len(rows) <= len(committed) + 4, "at most the one that a killed process was just writing is there as well"
    finished = [row for row in rows if row.trigger in committed and row.hits == 2]
    assert len(finished) >= n_whole
