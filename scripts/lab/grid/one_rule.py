"""Rows of one version of the default rule: what an older one answered leaves the tables."""

from collections.abc import Callable, Hashable, Iterable

from handler.xgraad.rules.version import RULE_VERSION
from scripts.lab.defenses import DEFENSES
from scripts.results.rows import Row


def of_one_rule(rows: Iterable[Row], *, victim: Callable[[Row], Hashable]) -> list[Row]:
    """The rows of the newest version among them, in order, and of other victims those that no version changes.

    A victim that was measured again may be another model by the same name, so nothing older is shown beside it. Of the
    others the rows of defenses that the rule has no part in still hold.

    Args:
        rows: of whatever defenses.
        victim: tells the attacked texts of a victim from all others.
    """
    rows = list(rows)
    newest = max(map(version_of, rows), default=0)
    again = {victim(row) for row in rows if version_of(row) == newest}
    return [
        row
        for row in rows
        if version_of(row) == newest or (victim(row) not in again and not hangs_on_the_rule(row["defense"]))
    ]


def version_of(row: Row) -> int:
    """Rows of the time before there was one are older than all others: 0."""
    return int(row.get("rule_version", 0))


def is_of_today(row: Row) -> bool:
    """Whether a row is of the version of the rule that is here."""
    return version_of(row) == RULE_VERSION


def hangs_on_the_rule(defense: str) -> bool:
    """Whether the defense of a name answers otherwise when the rule does; one that is gone cannot be asked again."""
    parts = DEFENSES.get(defense)
    return parts is not None and parts.remembers
