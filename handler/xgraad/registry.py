"""Verified triggers, remembered: what slipped through the gate once is caught from the first verified hit on."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from handler.xgraad.text import Word

MAX_ENTRIES = 1_000


class Trigger(NamedTuple):
    """Words that bring a label about; all of them are needed."""

    keys: frozenset[str]
    """See `Word.key`."""
    target: int


class TriggerRegistry:
    """Triggers that this process has verified, the latest `MAX_ENTRIES` of them. Holds no text but the words."""

    def __init__(self) -> None:
        self._triggers: OrderedDict[Trigger, None] = OrderedDict()

    def add(self, triggers: Iterable[Trigger]) -> None:
        """Remember; the oldest are forgotten when there are too many."""
        for trigger in triggers:
            self._triggers[trigger] = None
            self._triggers.move_to_end(trigger)
        while len(self._triggers) > MAX_ENTRIES:
            self._triggers.popitem(last=False)

    def __len__(self) -> int:
        return len(self._triggers)

    def find(self, words: Sequence[Word], label: int) -> tuple[Word, ...]:
        """The words of a text that make up triggers of its predicted label; none where there is no trigger."""
        if not self._triggers:
            return ()
        keys = {word.key for word in words}
        known = {
            key
            for trigger in self._triggers
            if trigger.target == label and trigger.keys <= keys
            for key in trigger.keys
        }
        return tuple(word for word in words if word.key in known)
