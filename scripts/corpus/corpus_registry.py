"""What a pass over a corpus knows of triggers: fixed before it begins, so that no row's verdict depends on the others.

The first pass knows nothing, and what it verifies is known to the whole of the next.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from handler.xgraad.memory.registry import MAX_ENTRIES, Origin, Trigger, TriggerIndex
from handler.xgraad.words.text import Word, split_words


class CorpusRegistry:
    """A `TriggerRegistry` that finds what it was given, and notes what is verified without knowing it from then on.

    Args:
        known: the triggers of earlier passes.
    """

    is_shared = False

    def __init__(self, known: Iterable[Trigger] = ()) -> None:
        self._known = list(known)
        self._index = TriggerIndex(self._known)
        self._met: Counter[Trigger] = Counter()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, words: Sequence[Word], label: int, *, count: bool = True) -> tuple[Word, ...]:
        """See `TriggerRegistry`; nothing is counted."""
        return self._index.find(words, label).words

    def add(self, triggers: Iterable[Trigger], origin: Origin = Origin.VERIFIED) -> None:
        """Note what was verified; an audit's triggers are known already, or shall not be."""
        if origin is Origin.VERIFIED:
            self._met.update(trigger for trigger in triggers if trigger.is_memorable)

    def found(self) -> list[Trigger]:
        """See `TriggerRegistry`."""
        return list(self._known)

    def forget(self, triggers: Sequence[Trigger]) -> None:
        """See `TriggerRegistry`."""
        for trigger in triggers:
            self._index.remove(trigger)
        self._known = [trigger for trigger in self._known if trigger not in triggers]

    def flush(self) -> None:
        """Nothing to do."""

    def take_met(self) -> Counter[Trigger]:
        """What was verified since this was asked last, with the number of times."""
        met, self._met = self._met, Counter()
        return met

    def left_in(self, text: str, label: int, changed: Iterable[str]) -> bool:
        """Whether a text holds a known trigger of its label of which some word was not changed.

        Args:
            text: as it came.
            label: that the plain model gives it.
            changed: words that were changed.
        """
        if not self._known:
            return False
        keys = {Word(word, 0, len(word)).key for word in changed}
        return any(not trigger.keys <= keys for trigger in self._index.find(split_words(text), label).triggers)


def most_met(met: Mapping[Trigger, int], certain: Sequence[Trigger] = ()) -> list[Trigger]:
    """What the next pass knows: at most as many as a server remembers, those met most often, in one order for all.

    Args:
        met: how often each was verified.
        certain: those of an audit, which come first.
    """
    order = sorted(met, key=lambda trigger: (-met[trigger], trigger.target, sorted(trigger.keys)))
    return list(dict.fromkeys([*certain, *order]))[:MAX_ENTRIES]
