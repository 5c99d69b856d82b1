"""What a corpus comes to: counts that add up over its parts, so that nobody has to hold its rows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from handler.wire.paired import PARTS
from handler.xgraad.memory.registry import Trigger
from handler.xgraad.words.pair import is_pair, split_pair
from handler.xgraad.words.text import Word

BINS = 20
"""Of the p-values, each a twentieth."""
TENTHS = 10
"""Of a text, in which the words to blame stand."""


@dataclass
class Tally:
    """Counts of rows. Those of triggers are by their name, see `name_of`."""

    n_rows: int = 0
    n_errors: int = 0
    n_flagged: int = 0
    n_verified: int = 0
    n_label_changed: int = 0
    n_untested: int = 0
    n_truncated: int = 0
    n_again: int = 0
    """Rows that a later pass looked at again."""
    errors: Counter[str] = field(default_factory=Counter)
    """By what was wrong, without the values."""
    labels: Counter[str] = field(default_factory=Counter)
    undefended_labels: Counter[str] = field(default_factory=Counter)
    p_values: Counter[str] = field(default_factory=Counter)
    """By the number of the bin."""
    triggers: Counter[str] = field(default_factory=Counter)
    """Rows in which each known trigger was neutralized."""
    tenths: Counter[str] = field(default_factory=Counter)
    """Of them the places of its words, by name and tenth of the text, see `at`."""
    files: Counter[str] = field(default_factory=Counter)
    """Rows in which a trigger was neutralized, by file."""

    def add(self, other: "Tally") -> None:
        """Count what another counted."""
        for each in fields(self):
            mine, others = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Counter):
                mine.update(others)
            else:
                setattr(self, each.name, mine + others)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "Tally":
        """Undo `document`."""
        made = cls()
        for name, value in document.items():
            setattr(made, name, Counter(value) if isinstance(value, dict) else value)
        return made


def name_of(trigger: Trigger) -> str:
    """What a trigger is called in a tally."""
    return f"{trigger.target} {' + '.join(sorted(trigger.keys))}"


def at(name: str, tenth: int) -> str:
    """What the place of a trigger is called."""
    return f"{tenth} {name}"


def tallied(rows: Iterable[Mapping[str, Any]], texts: Sequence[str | None], known: Iterable[Trigger]) -> Tally:
    """The counts of some rows of the output.

    Args:
        rows: in order.
        texts: of these rows; None in error rows.
        known: the triggers that are counted.
    """
    tally, by_target = Tally(), _by_target(known)
    for row, text in zip(rows, texts, strict=True):
        tally.n_rows += 1
        tally.n_again += row["pass"] > 1
        if row["error"] is not None:
            tally.n_errors += 1
            tally.errors[kind_of(row["error"])] += 1
            continue
        _count(tally, row)
        if row["suspects"] and text is not None:
            _count_triggers(tally, row, text, by_target.get(row["undefended_label_id"], []))
    return tally


def kind_of(fault: str) -> str:
    """What is wrong, without the value that tells how: "text must be a string"."""
    return fault.partition(", ")[0].partition(": ")[0]


def _by_target(known: Iterable[Trigger]) -> dict[int, list[Trigger]]:
    found: dict[int, list[Trigger]] = {}
    for trigger in known:
        found.setdefault(trigger.target, []).append(trigger)
    return found


def _count(tally: Tally, row: Mapping[str, Any]) -> None:
    tally.n_flagged += row["flagged"]
    tally.n_verified += row["verified"]
    tally.n_label_changed += row["label_id"] != row["undefended_label_id"]
    tally.n_untested += row["tested"] is False
    tally.n_truncated += row["truncated"]
    tally.labels[row["label"]] += 1
    tally.undefended_labels[row["undefended_label"]] += 1
    tally.p_values[str(min(int(row["p_value"] * BINS), BINS - 1))] += 1
    tally.files[row["file"]] += row["verified"]


def _count_triggers(tally: Tally, row: Mapping[str, Any], text: str, known: Sequence[Trigger]) -> None:
    places: dict[str, list[int]] = {}
    parts = dict(zip(PARTS, map(len, split_pair(text) if is_pair(text) else [text]), strict=False))
    for suspect in row["suspects"]:
        word = Word(suspect["word"], suspect["start"], suspect["end"])
        places.setdefault(word.key, []).append(TENTHS * word.start // parts[suspect["part"]])
    for trigger in known:
        if trigger.keys <= places.keys():
            tally.triggers[name_of(trigger)] += 1
            for key in trigger.keys:
                tally.tenths.update(at(name_of(trigger), tenth) for tenth in places[key])
