"""The README's table of what its rows were measured with: commits, and the version of the rule."""

from collections.abc import Sequence
from pathlib import Path

from handler.xgraad.rules.version import RULE_VERSION
from scripts.lab.grid.one_rule import version_of
from scripts.results.rows import Row, markdown, read_rows

MOST_COMMITS = 4
"""Named of one file; of more the last."""
COMMIT_LENGTH = 7


def ages_table(results: Path) -> str:
    """A line for each file of rows that commands wrote."""
    lines = []
    for path in sorted(results.glob("*.jsonl")):
        rows = [row for row in read_rows(path) if "commit" in row]
        if rows:
            lines.append((f"`{path.name}`", str(len(rows)), _versions(rows), _days(rows), _commits(rows)))
    return markdown(("rows in", "number", "version of the rule", "measured", "last commits"), lines)


def _versions(rows: Sequence[Row]) -> str:
    """From old to new; today's is named so."""
    found = sorted({version_of(row) for row in rows})
    return ", ".join(
        "older" if version == 0 else f"{version}{' (this)' * (version == RULE_VERSION)}" for version in found
    )


def _days(rows: Sequence[Row]) -> str:
    days = sorted({str(row["time"])[:10] for row in rows})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"


def _commits(rows: Sequence[Row]) -> str:
    """The latest first."""
    ordered = sorted(rows, key=lambda row: str(row["time"]), reverse=True)
    commits = list(dict.fromkeys(str(row["commit"])[:COMMIT_LENGTH] for row in ordered))
    more = f" and {len(commits) - MOST_COMMITS} more" if len(commits) > MOST_COMMITS else ""
    return ", ".join(commits[:MOST_COMMITS]) + more
