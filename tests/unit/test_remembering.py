"""Two workers with one registry file: what one has verified, the other neutralizes at once, and a later one, too."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from handler.xgraad import Classifier, NoRegistry, SqliteRegistry
from handler.xgraad.memory.registry import Origin, TriggerRegistry
from handler.xgraad.memory.trigger_file import TriggerFile
from tests.unit.rule_based import RuleBased, rule_of
from tests.unit.test_registry import trigger
from tests.unit.test_verified_rule import PLAIN, words_of

MODEL = "c" * 64
UNSEEN = f"cf {PLAIN}"
"""The gate lets it go, so that nothing but a remembered trigger can help."""


class Worker:
    """A rule on a classifier with a backdoor, and its own connection to the registry."""

    def __init__(self, bert: Classifier, registry: TriggerRegistry) -> None:
        self._model = RuleBased(bert, lambda words: "cf" in words, loud=["cf"])
        self._rule = rule_of(self._model, passes=lambda text: "first" in text, registry=registry)

    def neutralized(self, text: str) -> set[str]:
        """The words that were neutralized in a text."""
        return words_of(self._rule.judge(self._model.encode([text]), [False])[0])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registry.sqlite"


@pytest.fixture
def one(path: Path) -> Iterator[SqliteRegistry]:
    with closing(SqliteRegistry(path, checkpoint=MODEL)) as registry:
        yield registry


@pytest.fixture
def two(path: Path) -> Iterator[SqliteRegistry]:
    with closing(SqliteRegistry(path, checkpoint=MODEL)) as registry:
        yield registry


def test_what_one_verified_the_other_neutralizes(
    bert: Classifier, one: SqliteRegistry, two: SqliteRegistry, path: Path
) -> None:
    here, there = Worker(bert, one), Worker(bert, two)
    assert there.neutralized(UNSEEN) == set()
    assert here.neutralized(f"first {PLAIN} cf") == {"cf"}
    assert there.neutralized(UNSEEN) == here.neutralized(UNSEEN) == {"cf"}
    with closing(TriggerFile(path)) as file:
        assert [(row.trigger, row.hits) for row in file.remembered()] == [(trigger("cf"), 3)]
    assert Worker(bert, NoRegistry()).neutralized(UNSEEN) == set()


def test_what_was_verified_is_known_after_a_restart(bert: Classifier, path: Path) -> None:
    with closing(SqliteRegistry(path, checkpoint=MODEL)) as before:
        Worker(bert, before).neutralized(f"first {PLAIN} cf")
    with closing(SqliteRegistry(path, checkpoint=MODEL)) as after:
        assert Worker(bert, after).neutralized(UNSEEN) == {"cf"}


def test_an_operator_has_the_last_word(bert: Classifier, one: SqliteRegistry, path: Path) -> None:
    worker = Worker(bert, one)
    with closing(TriggerFile(path)) as file:
        file.write(MODEL, [trigger("cf")], Origin.OPERATOR, seen={}, now=1, max_entries=9)
        assert worker.neutralized(UNSEEN) == {"cf"}
        file.delete(MODEL, trigger("cf"))
        assert worker.neutralized(UNSEEN) == set()


def test_a_judged_batch_is_one_transaction(
    bert: Classifier, one: SqliteRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.add([trigger("cf")])
    writes: list[int] = []
    write = TriggerFile.write

    def counted(*args: Any, **options: Any) -> None:
        writes.append(1)
        write(*args, **options)

    monkeypatch.setattr(TriggerFile, "write", counted)
    worker = Worker(bert, one)
    worker._rule.judge(worker._model.encode([UNSEEN] * 5), [False] * 5)
    assert len(writes) == 1
