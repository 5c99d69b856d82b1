"""The triggers of one label in the registry of its model.

A registry knows labels by number. Of a model with several, each label has two numbers there, one for what silences it
and one for what raises it, so that no trigger of one label is taken for one of another.
"""

from collections.abc import Iterable, Sequence

from handler.xgraad.memory.registry import Origin, Trigger, TriggerRegistry
from handler.xgraad.multilabel.label_view import N_SIDES
from handler.xgraad.words.text import Word


def registry_number(label: int, side: int) -> int:
    """What a registry calls one side of a label: twice the label's number, and one more for what raises it."""
    return N_SIDES * label + side


class LabelRegistry:
    """A registry as the view of one label sees it; see `TriggerRegistry` for the methods."""

    def __init__(self, whole: TriggerRegistry, label: int) -> None:
        self._whole = whole
        self._label = label

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what this one adds."""
        return self._whole.is_shared

    def __len__(self) -> int:
        return len(self._whole)

    def find(self, words: Sequence[Word], label: int, *, count: bool = True) -> tuple[Word, ...]:
        """Of one side of the label."""
        return self._whole.find(words, registry_number(self._label, label), count=count)

    def add(self, triggers: Iterable[Trigger], origin: Origin = Origin.VERIFIED) -> None:
        """Remember triggers of its sides."""
        self._whole.add([self._outside(trigger) for trigger in triggers], origin)

    def found(self) -> list[Trigger]:
        """Those of its sides."""
        own = range(registry_number(self._label, 0), registry_number(self._label + 1, 0))
        return [each._replace(target=each.target - own.start) for each in self._whole.found() if each.target in own]

    def forget(self, triggers: Sequence[Trigger]) -> None:
        """Remember these of its sides no longer."""
        self._whole.forget([self._outside(trigger) for trigger in triggers])

    def flush(self) -> None:
        """Write down what was seen."""
        self._whole.flush()

    def _outside(self, trigger: Trigger) -> Trigger:
        return trigger._replace(target=registry_number(self._label, trigger.target))
