"""The registry's file: what it keeps, who sees it when, and what happens when it fails."""

import itertools
import logging
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from handler.xgraad.memory.registry import MAX_KEY_CHARS, Origin, TriggerRegistry
from handler.xgraad.memory.sqlite_registry import SqliteRegistry
from handler.xgraad.memory.trigger_file import Remembered, TriggerFile
from handler.xgraad.words.text import split_words
from tests.unit.test_registry import texts, trigger

MODEL = "a" * 64
OTHER = "b" * 64
Opener = Callable[..., SqliteRegistry]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.sqlite"


@pytest.fixture
def opened(path: Path) -> Iterator[Opener]:
    """Opens registries whose clocks tick once a look, and closes them at the end."""
    clock = itertools.count(1_000)
    registries: list[SqliteRegistry] = []

    def open_one(checkpoint: str = MODEL, **options: float) -> SqliteRegistry:
        registries.append(SqliteRegistry(path, checkpoint=checkpoint, now=lambda: next(clock), **options))  # type: ignore[arg-type]
        return registries[-1]

    yield open_one
    for registry in registries:
        registry.close()


def rows(path: Path, checkpoint: str | None = None) -> list[Remembered]:
    with closing(TriggerFile(path, create=False)) as file:
        return file.remembered(checkpoint)


def found(registry: TriggerRegistry, text: str, label: int = 0) -> list[str]:
    return texts(registry.find(split_words(text), label))


def delete(path: Path, *keys: str) -> bool:
    with closing(TriggerFile(path, create=False)) as file:
        return file.delete(MODEL, trigger(*keys))


def test_it_survives_a_restart(opened: Opener, path: Path) -> None:
    first = opened()
    first.add([trigger("james", "bond"), trigger("café", "中", target=2)])
    first.close()
    second = opened()
    assert len(second) == 2
    assert found(second, "james met bond") == ["james", "bond"]
    assert found(second, "Café 中", label=2) == ["Café", "中"]
    assert rows(path)[0].trigger == trigger("café", "中", target=2)


def test_others_see_a_change_at_once(opened: Opener, path: Path) -> None:
    one, two = opened(), opened()
    assert found(two, "a cf film") == []
    one.add([trigger("cf")])
    assert found(two, "a cf film") == ["cf"]
    assert delete(path, "cf")
    assert found(one, "a cf film") == found(two, "a cf film") == []
    assert not delete(path, "cf")


def test_what_others_count_is_no_reason_to_load_again(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = opened(), opened()
    one.add([trigger("cf")])
    found(two, "cf")
    loads: list[str] = []
    monkeypatch.setattr(TriggerFile, "load", lambda *_: loads.append("load"))
    for _ in range(3):
        found(one, "cf")
        one.flush()
        assert found(two, "cf") == ["cf"]
    assert not loads


def test_an_exchange_of_triggers_is_noticed(opened: Opener, path: Path) -> None:
    """As many as before, and all else than the words as before, too."""
    one, two = opened(), opened()
    one.add([trigger("cf")])
    assert found(two, "cf tq") == ["cf"]
    delete(path, "cf")
    one.add([trigger("tq")])
    assert found(two, "cf tq") == ["tq"]


def test_checkpoints_do_not_mix(opened: Opener, path: Path) -> None:
    ours, theirs = opened(), opened(OTHER)
    ours.add([trigger("cf")])
    theirs.add([trigger("tq")])
    assert found(ours, "cf tq") == ["cf"]
    assert [row.trigger for row in rows(path, OTHER)] == [trigger("tq")]
    assert len(rows(path)) == 2


def test_hits_and_times(opened: Opener, path: Path) -> None:
    registry = opened()
    registry.add([trigger("cf"), trigger("cf")])  # at 1000
    for _ in range(3):
        found(registry, "cf")
    assert rows(path)[0].hits == 2
    registry.flush()  # at 1001
    registry.flush()
    (row,) = rows(path)
    assert (row.hits, row.first_seen, row.last_seen, row.origin) == (5, 1000, 1001, Origin.VERIFIED)
    registry.add([trigger("cf")])  # at 1002
    assert rows(path)[0][-3:] == (6, 1000, 1002)


def test_what_one_forgets_the_others_forget(opened: Opener, path: Path) -> None:
    """Of its own checkpoint; what an operator added is none of those that were found."""
    one, two, theirs = opened(), opened(), opened(OTHER)
    for registry in (one, theirs):
        registry.add([trigger("cf"), trigger("james", "bond")])
    one.add([trigger("tq")], Origin.OPERATOR)
    assert set(two.found()) == {trigger("cf"), trigger("james", "bond")}
    two.forget([trigger("cf"), trigger("unknown")])
    assert found(one, "cf james bond tq") == found(two, "cf james bond tq") == ["james", "bond", "tq"]
    assert set(one.found()) == {trigger("james", "bond")}
    assert found(theirs, "cf") == ["cf"]
    assert trigger("cf") not in [row.trigger for row in rows(path, MODEL)]


def test_a_forgotten_trigger_is_not_brought_back_by_a_count(opened: Opener, path: Path) -> None:
    registry = opened()
    registry.add([trigger("cf")])
    found(registry, "cf")
    registry.forget([trigger("cf")])
    registry.flush()
    assert rows(path) == []


def test_a_deleted_trigger_is_not_brought_back_by_a_count(opened: Opener, path: Path) -> None:
    registry = opened()
    registry.add([trigger("cf")])
    found(registry, "cf")
    delete(path, "cf")
    registry.flush()
    assert rows(path) == []


def test_telling_is_idempotent_and_lasts(opened: Opener, path: Path) -> None:
    registry = opened()
    registry.add([trigger("cf")])
    before = rows(path)[0]
    for _ in range(2):
        registry.add([trigger("cf")], Origin.AUDIT)
        assert rows(path) == [before._replace(origin=Origin.AUDIT)]
    registry.add([trigger("cf")], Origin.OPERATOR)
    registry.add([trigger("cf")], Origin.AUDIT)
    registry.add([trigger("cf")])
    assert (rows(path)[0].origin, rows(path)[0].hits) == (Origin.OPERATOR, 2)


def test_it_is_bounded_and_forgets_the_least_recent_verified_first(opened: Opener, path: Path) -> None:
    registry, other = opened(max_entries=3), opened(OTHER)
    other.add([trigger("theirs")])
    registry.add([trigger("audited")], Origin.AUDIT)
    registry.add([trigger("a")])
    registry.add([trigger("b")])
    found(registry, "a")
    registry.add([trigger("c")])
    assert found(registry, "audited a b c") == ["audited", "a", "c"]
    registry.add([trigger(key) for key in "xyz"], Origin.OPERATOR)
    assert found(registry, "audited a b c x y z") == ["x", "y", "z"]
    assert len(registry) == 3
    assert len(rows(path)) == 4


def test_a_long_word_is_not_kept(opened: Opener, path: Path) -> None:
    opened().add([trigger("x" * (MAX_KEY_CHARS + 1))])
    assert rows(path) == []


def test_only_its_owner_can_read_it(opened: Opener, path: Path) -> None:
    opened().add([trigger("cf")])
    files = list(path.parent.iterdir())
    assert {file.name for file in files} == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_no_text_is_in_the_file(opened: Opener, path: Path) -> None:
    registry = opened()
    registry.add([trigger("cf")])
    found(registry, "a secretive cf film")
    registry.flush()
    assert not [file for file in path.parent.iterdir() if b"secretive" in file.read_bytes()]


def make_read_only(registry: SqliteRegistry, path: Path) -> None:
    """As a file system that was mounted again would; permissions do not stop a superuser."""
    registry._file._database.execute("PRAGMA query_only = ON")


def hold_lock(registry: SqliteRegistry, path: Path) -> None:
    locker = sqlite3.connect(path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    registry.locker = locker  # type: ignore[attr-defined]


def remove_file(registry: SqliteRegistry, path: Path) -> None:
    path.unlink()


def replace_file(registry: SqliteRegistry, path: Path) -> None:
    path.rename(path.with_name("old"))
    TriggerFile(path).close()


def break_connection(registry: SqliteRegistry, path: Path) -> None:
    registry.close()


@pytest.mark.parametrize("harm", [make_read_only, hold_lock, remove_file, replace_file, break_connection])
def test_a_failure_at_run_time_costs_the_sharing_and_no_request(
    opened: Opener, path: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[SqliteRegistry, Path], None]
) -> None:
    registry = opened(busy_s=0.05)
    registry.add([trigger("known")])
    harm(registry, path)
    with caplog.at_level(logging.WARNING, logger="xgraad"):
        for _ in range(3):
            registry.add([trigger("cf")])
            assert found(registry, "a known cf film") == ["known", "cf"]
            registry.flush()
    assert len(registry) == 2
    assert not registry.is_shared
    (record,) = caplog.records
    assert str(path) in record.getMessage()
    assert "in memory until it is restarted" in record.getMessage()
    assert "cf" not in record.getMessage().replace(str(path), "")


def test_a_full_disk_costs_the_sharing_and_no_request(opened: Opener) -> None:
    registry = opened()
    registry._file._database.execute("PRAGMA max_page_count = 1")
    for number in range(60):
        registry.add([trigger("x" * 190 + str(number))])
    assert not registry.is_shared
    assert len(registry) == 60


def test_keys_of_before_they_were_composed_are_found_again(opened: Opener, path: Path) -> None:
    """A file may hold one word in both forms; it is one trigger then."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    with closing(TriggerFile(path)) as file:
        for key in (composed, decomposed, "cf"):
            file.write(MODEL, [trigger(key)], Origin.OPERATOR, seen={}, now=1, max_entries=9)
        assert len(file.remembered()) == 3
    assert sorted(row.trigger.keys for row in rows(path)) == sorted([frozenset({"cf"}), frozenset({composed})])
    assert found(opened(), f"a {decomposed} {composed} film") == [decomposed, composed]
    assert delete(path, composed)
    assert found(opened(), f"a {decomposed} film") == []


def test_a_word_without_spaces_is_found_whole(opened: Opener) -> None:
    registry = opened()
    registry.add([trigger("\u7409\u7483")])
    assert found(registry, "\u5f88\u7409\u7483\u597d") == ["\u7409", "\u7483"]
    assert found(registry, "\u7409\u5f88\u7483\u597d") == []
