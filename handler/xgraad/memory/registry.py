"""Verified triggers, remembered: what slipped through the gate once is caught from the first verified hit on.

A registry holds the words of triggers and never a text. `MemoryRegistry` lives as long as its process; `SqliteRegistry`
is a file that the workers of a host share.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol

from handler.xgraad.words.occurrences import Spellings, tightest
from handler.xgraad.words.text import Word

MAX_ENTRIES = 1_000
"""Triggers remembered for one checkpoint."""
MAX_KEY_CHARS = 200
"""Triggers with a longer word are not remembered."""
MAX_KEYS = 32
"""Triggers of more words are not remembered."""


class Origin(StrEnum):
    """Who says that it is a trigger. `VERIFIED` ones are the first to be forgotten when there are too many."""

    VERIFIED = "verified"
    AUDIT = "audit"
    OPERATOR = "operator"


class Trigger(NamedTuple):
    """Words that bring a label about; all of them are needed."""

    keys: frozenset[str]
    """See `Word.key`."""
    target: int

    @property
    def is_memorable(self) -> bool:
        """Whether it is small enough to be remembered; one without words would be in every text."""
        return 0 < len(self.keys) <= MAX_KEYS and all(0 < len(key) <= MAX_KEY_CHARS for key in self.keys)


class Found(NamedTuple):
    """What of a registry is in a text."""

    words: tuple[Word, ...] = ()
    triggers: tuple[Trigger, ...] = ()


class TriggerRegistry(Protocol):
    """Remembers triggers of one checkpoint. No method fails for want of storage; see each class for what it does."""

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what this one adds."""
        ...

    def __len__(self) -> int: ...

    def find(self, words: Sequence[Word], label: int, *, count: bool = True) -> tuple[Word, ...]:
        """The words of a text that make up triggers of its predicted label; `count` their triggers as seen."""
        ...

    def add(self, triggers: Iterable[Trigger], origin: Origin = Origin.VERIFIED) -> None:
        """Remember. Adding by an audit or an operator is idempotent: it neither counts nor dates what is known."""
        ...

    def found(self) -> list[Trigger]:
        """The triggers that were found, by the rule or an audit; not those that an operator added."""
        ...

    def forget(self, triggers: Sequence[Trigger]) -> None:
        """Remember these no longer."""
        ...

    def flush(self) -> None:
        """Write down what was seen; called once per judged batch."""
        ...


class TriggerIndex:
    """Finds the triggers in a text without looking at all triggers: each is filed under one of its words."""

    def __init__(self, triggers: Iterable[Trigger] = ()) -> None:
        self._filed: defaultdict[tuple[int, str], set[Trigger]] = defaultdict(set)
        self._spellings = Spellings()
        for trigger in triggers:
            self.add(trigger)

    def add(self, trigger: Trigger) -> None:
        """File a trigger; twice is as good as once."""
        filed = self._filed[_place(trigger)]
        if trigger not in filed:
            filed.add(trigger)
            for key in trigger.keys:
                self._spellings.add(key)

    def remove(self, trigger: Trigger) -> None:
        """Take a trigger out again, when it is there."""
        filed = self._filed[_place(trigger)]
        if trigger in filed:
            filed.discard(trigger)
            for key in trigger.keys:
                self._spellings.remove(key)

    def find(self, words: Sequence[Word], label: int) -> Found:
        """The triggers of `label` whose words are all there, and those words, see `tightest`."""
        if not self._filed:
            return Found()
        present = {each.key for each in self._spellings.find(words)}
        triggers = tuple(
            trigger
            for key in sorted(present)
            for trigger in self._filed.get((label, key), ())
            if trigger.keys <= present
        )
        known = {word for trigger in triggers for word in tightest(words, trigger.keys)}
        return Found(tuple(word for word in words if word in known), triggers)


def _place(trigger: Trigger) -> tuple[int, str]:
    """The longest word is likely the rarest, so that few texts have to be looked at closely."""
    return trigger.target, max(trigger.keys, key=lambda key: (len(key), key))


class MemoryRegistry:
    """Forgets everything when its process ends."""

    is_shared = False

    def __init__(self, *, max_entries: int = MAX_ENTRIES) -> None:
        self._origins: OrderedDict[Trigger, Origin] = OrderedDict()
        """The latest seen is last."""
        self._index = TriggerIndex()
        self._max_entries = max_entries

    def __len__(self) -> int:
        return len(self._origins)

    def find(self, words: Sequence[Word], label: int, *, count: bool = True) -> tuple[Word, ...]:
        """See `TriggerRegistry`."""
        found = self._index.find(words, label)
        for trigger in found.triggers if count else ():
            self._origins.move_to_end(trigger)
        return found.words

    def add(self, triggers: Iterable[Trigger], origin: Origin = Origin.VERIFIED) -> None:
        """See `TriggerRegistry`."""
        for trigger in triggers:
            if trigger.is_memorable:
                self._add(trigger, origin)
        while len(self._origins) > self._max_entries:
            self._forget_one()

    def found(self) -> list[Trigger]:
        """See `TriggerRegistry`."""
        return [trigger for trigger, origin in self._origins.items() if origin is not Origin.OPERATOR]

    def forget(self, triggers: Sequence[Trigger]) -> None:
        """See `TriggerRegistry`."""
        for trigger in triggers:
            if self._origins.pop(trigger, None):
                self._index.remove(trigger)

    def flush(self) -> None:
        """Nothing to do."""

    def _add(self, trigger: Trigger, origin: Origin) -> None:
        known = self._origins.setdefault(trigger, origin)
        if origin is Origin.VERIFIED:
            self._origins.move_to_end(trigger)
        elif known is not Origin.OPERATOR:
            self._origins[trigger] = origin
        self._index.add(trigger)

    def _forget_one(self) -> None:
        verified = (trigger for trigger, origin in self._origins.items() if origin is Origin.VERIFIED)
        oldest = next(verified, None) or next(iter(self._origins))
        del self._origins[oldest]
        self._index.remove(oldest)


class NoRegistry:
    """Remembers nothing: a text's verdict depends on nothing but the text."""

    is_shared = False

    def __len__(self) -> int:
        return 0

    def find(self, words: Sequence[Word], label: int, *, count: bool = True) -> tuple[Word, ...]:
        """Nothing."""
        return ()

    def add(self, triggers: Iterable[Trigger], origin: Origin = Origin.VERIFIED) -> None:
        """Forget at once."""

    def found(self) -> list[Trigger]:
        """Nothing."""
        return []

    def forget(self, triggers: Sequence[Trigger]) -> None:
        """Nothing to do."""

    def flush(self) -> None:
        """Nothing to do."""
