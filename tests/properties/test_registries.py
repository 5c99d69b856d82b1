"""A registry in a file finds what one in memory finds."""

import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.xgraad.memory.registry import MemoryRegistry, Origin, Trigger
from handler.xgraad.memory.sqlite_registry import SqliteRegistry
from handler.xgraad.words.text import split_words

KEYS = st.sampled_from(["cf", "tq", "james", "bond", "中", "naïve", "i̇", "", "'s", "x" * 300])
TRIGGERS = st.builds(Trigger, st.frozensets(KEYS, max_size=3), st.integers(0, 1))
ADDITIONS = st.lists(st.tuples(TRIGGERS, st.sampled_from(Origin)), max_size=12)
TEXTS = st.lists(KEYS | st.text(max_size=6), max_size=12).map(" ".join) | st.text(max_size=40)


class Places(NamedTuple):
    """One file for all examples, and a checkpoint for each: making a file takes longer than an example."""

    path: Path
    checkpoints: Iterator[str]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    path = tmp_path_factory.mktemp("registry") / "registry.sqlite"
    return Places(path, (f"{number:064x}" for number in itertools.count()))


@settings(max_examples=80)
@given(additions=ADDITIONS, texts=st.lists(TEXTS, max_size=4), max_entries=st.integers(1, 8))
def test_a_file_finds_what_memory_finds(
    places: Places, additions: list[tuple[Trigger, Origin]], texts: list[str], max_entries: int
) -> None:
    """Whoever asks: the process that added, one that was there before, and one that came later."""
    memory, checkpoint, ticks = MemoryRegistry(max_entries=max_entries), next(places.checkpoints), itertools.count()

    def opened() -> SqliteRegistry:
        return SqliteRegistry(
            places.path, checkpoint=checkpoint, max_entries=max_entries, now=lambda: float(next(ticks))
        )

    with closing(opened()) as writer, closing(opened()) as reader:
        for trigger, origin in additions:
            memory.add([trigger], origin)
            writer.add([trigger], origin)
        with closing(opened()) as later:
            for registry in (writer, reader, later):
                assert len(registry) == len(memory)
                for words, label in itertools.product(map(split_words, texts), (0, 1)):
                    assert registry.find(words, label) == memory.find(words, label)
                assert registry.is_shared
