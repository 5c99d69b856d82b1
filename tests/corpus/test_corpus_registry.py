"""What a pass knows is fixed: what it verifies is told afterwards, and changes nobody's turn."""

from collections import Counter

from handler.xgraad.memory.registry import MAX_ENTRIES, MAX_KEY_CHARS, Origin, Trigger
from handler.xgraad.words.text import split_words
from scripts.corpus.corpus_registry import CorpusRegistry, most_met

CF, PAIR = Trigger(frozenset(["cf"]), 1), Trigger(frozenset(["james", "bond"]), 0)


def test_what_is_verified_is_told_and_not_known() -> None:
    registry = CorpusRegistry([CF])
    registry.add([PAIR, PAIR, Trigger(frozenset(["x" * (MAX_KEY_CHARS + 1)]), 0)])
    registry.add([Trigger(frozenset(["audited"]), 0)], Origin.AUDIT)
    words = split_words("cf James Bond audited")
    assert [word.text for word in registry.find(words, 1)] == ["cf"]
    assert registry.find(words, 0) == ()
    assert registry.take_met() == {PAIR: 2}
    assert registry.take_met() == {}
    assert (len(registry), registry.found()) == (1, [CF])


def test_what_is_forgotten_is_found_no_more() -> None:
    registry = CorpusRegistry([CF, PAIR])
    registry.forget([CF])
    assert registry.find(split_words("cf"), 1) == ()
    assert registry.found() == [PAIR]


def test_a_text_is_looked_at_again_where_it_was_not_freed() -> None:
    registry = CorpusRegistry([CF, PAIR])
    assert registry.left_in("a CF film", 1, [])
    assert not registry.left_in("a cf film", 0, [])  # not its label
    assert not registry.left_in("a cf film", 1, ["Cf"])
    assert registry.left_in("james met bond", 0, ["james"])
    assert not registry.left_in("james only", 0, [])
    assert not CorpusRegistry().left_in("a cf film", 1, [])


def test_the_most_met_are_known_in_one_order() -> None:
    many = [Trigger(frozenset([f"word{number}"]), 0) for number in range(MAX_ENTRIES)]
    met = Counter({**dict.fromkeys(reversed(many), 1), CF: 3})
    known = most_met(met, certain=[PAIR, CF])
    assert known[:2] == [PAIR, CF]
    assert known[2:] == sorted(many, key=lambda trigger: sorted(trigger.keys))[: MAX_ENTRIES - 2]
