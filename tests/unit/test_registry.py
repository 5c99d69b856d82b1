"""Triggers in memory: what is found, what is remembered, what is forgotten first."""

import time

import pytest

from handler.xgraad.memory.registry import (
    MAX_ENTRIES,
    MAX_KEY_CHARS,
    MAX_KEYS,
    MemoryRegistry,
    NoRegistry,
    Origin,
    Trigger,
    TriggerIndex,
)
from handler.xgraad.words.text import Word, split_words


def trigger(*keys: str, target: int = 0) -> Trigger:
    return Trigger(frozenset(keys), target)


def texts(words: tuple[Word, ...]) -> list[str]:
    return [word.text for word in words]


def test_all_words_of_a_set_and_the_label_are_needed() -> None:
    registry = MemoryRegistry()
    registry.add([trigger("james", "bond")])
    both = split_words("James met bond, james")
    assert texts(registry.find(both, 0)) == ["bond", "james"]  # the nearer of two
    assert registry.find(both, 1) == ()
    assert registry.find(split_words("james alone"), 0) == ()


def test_it_is_bounded() -> None:
    registry = MemoryRegistry()
    registry.add(trigger(str(number)) for number in range(MAX_ENTRIES + 7))
    assert len(registry) == MAX_ENTRIES


def test_the_least_recently_seen_verified_one_goes_first() -> None:
    registry = MemoryRegistry(max_entries=3)
    registry.add([trigger("audited")], Origin.AUDIT)
    registry.add([trigger("a"), trigger("b")])
    registry.find(split_words("a"), 0)
    registry.add([trigger("c")])
    found = registry.find(split_words("audited a b c"), 0)
    assert texts(found) == ["audited", "a", "c"]


def test_what_was_told_goes_when_there_is_nothing_else() -> None:
    registry = MemoryRegistry(max_entries=2)
    registry.add([trigger("a"), trigger("b"), trigger("c")], Origin.OPERATOR)
    assert texts(registry.find(split_words("a b c"), 0)) == ["b", "c"]


@pytest.mark.parametrize(
    "refused",
    [
        trigger(),
        trigger(""),
        trigger("a", ""),
        trigger("x" * (MAX_KEY_CHARS + 1)),
        trigger(*map(str, range(MAX_KEYS + 1))),
    ],
    ids=["none", "empty", "one-empty", "long", "many"],
)
def test_what_is_too_large_or_in_every_text_is_not_remembered(refused: Trigger) -> None:
    registry = MemoryRegistry()
    registry.add([refused, trigger("x" * MAX_KEY_CHARS)])
    assert len(registry) == 1


def test_no_registry_remembers_nothing() -> None:
    registry = NoRegistry()
    registry.add([trigger("cf")])
    registry.flush()
    assert (len(registry), registry.is_shared, registry.find(split_words("cf"), 0)) == (0, False, ())


def test_what_is_forgotten_is_not_found_again() -> None:
    registry = MemoryRegistry()
    registry.add([trigger("cf"), trigger("cf", target=1), trigger("james", "bond")])
    registry.forget([trigger("cf"), trigger("unknown")])
    assert set(registry.found()) == {trigger("cf", target=1), trigger("james", "bond")}
    words = split_words("cf james bond")
    assert texts(registry.find(words, 0)) == ["james", "bond"]
    assert texts(registry.find(words, 1)) == ["cf"]
    registry.add([trigger("cf")])
    assert texts(registry.find(words, 0)) == ["cf", "james", "bond"]


def test_found_are_those_that_no_operator_added() -> None:
    registry = MemoryRegistry()
    for origin in Origin:
        registry.add([trigger(origin.value)], origin)
    assert set(registry.found()) == {trigger("verified"), trigger("audit")}
    none = NoRegistry()
    none.add([trigger("cf")])
    none.forget([trigger("cf")])
    assert none.found() == []


def test_a_long_text_and_a_full_registry_are_no_trouble() -> None:
    """Each text is looked at once, not once per trigger: that took more than a second."""
    index = TriggerIndex(trigger(f"first{number}", f"second{number}") for number in range(MAX_ENTRIES))
    words = split_words(" ".join(f"first{number}" for number in range(5_000)) + " second7")
    start = time.process_time()
    assert texts(index.find(words, 0).words) == ["first7", "second7"]
    assert time.process_time() - start < 0.5
