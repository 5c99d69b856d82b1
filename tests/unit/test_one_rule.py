"""No table mixes rows of different versions of the rule."""

from pathlib import Path
from typing import Any

from handler.xgraad.rules.version import RULE_VERSION
from scripts.lab.defenses import DEFENSES
from scripts.lab.grid.grid_rows import read_cells, victim_key
from scripts.lab.grid.one_rule import of_one_rule
from scripts.results.rows import Row, append_row
from scripts.tables.age_tables import MOST_COMMITS, ages_table
from tests.readme_files import PROJECT


def row(victim: str, defense: str, version: int | None = None) -> Row:
    found: dict[str, Any] = {"victim": victim, "defense": defense}
    return found if version is None else found | {"rule_version": version}


def kept(*rows: Row) -> list[Row]:
    return of_one_rule(rows, victim=lambda each: each["victim"])


def test_rows_of_one_version_are_all_kept() -> None:
    for version in (None, 1, 2):
        rows = [row("a", "paper", version), row("a", "verified", version), row("b", "verified", version)]
        assert kept(*rows) == rows
    assert kept() == []


def test_what_an_older_rule_answered_leaves() -> None:
    new = [row("a", "paper", 2), row("a", "verified", 2)]
    for older in (None, 1):
        old = [row("b", name, older) for name in ("verified", "referred", "swept", "second_opinion")]
        assert kept(*old, *new) == new


def test_what_the_rule_has_no_part_in_stays_unless_its_victim_was_measured_again() -> None:
    paper, onion = row("b", "paper"), row("b", "onion", 1)
    assert kept(paper, onion, row("a", "verified", 2)) == [paper, onion, row("a", "verified", 2)]
    assert kept(paper, row("b", "verified", 2)) == [row("b", "verified", 2)]


def test_the_tables_of_the_grid_are_of_one_rule() -> None:
    results = PROJECT / "results"
    rows = read_cells(results / "grid.jsonl", results / "defenses.jsonl")
    versions: dict[object, set[object]] = {}
    for each in rows:
        if DEFENSES[each["defense"]].remembers:
            versions.setdefault("rule", set()).add(each.get("rule_version"))
        versions.setdefault(victim_key(each), set()).add(each.get("rule_version"))
    assert [victim for victim, found in versions.items() if len(found) > 1] == []


def test_each_file_says_what_its_rows_were_measured_with(tmp_path: Path) -> None:
    append_row(tmp_path / "cited.jsonl", {"figure": 1})
    append_row(tmp_path / "grid.jsonl", {"commit": "a" * 40, "time": "2026-01-02T10:00:00"})
    append_row(
        tmp_path / "grid.jsonl", {"commit": "b" * 40, "time": "2026-01-01T10:00:00", "rule_version": RULE_VERSION}
    )
    for number in range(MOST_COMMITS + 2):
        append_row(tmp_path / "speed.jsonl", {"commit": f"{number}" * 40, "time": f"2026-01-0{1 + number}"})
    assert ages_table(tmp_path).splitlines()[2:] == [
        f"| `grid.jsonl` | 2 | older, {RULE_VERSION} (this) | 2026-01-01 to 2026-01-02 | aaaaaaa, bbbbbbb |",
        "| `speed.jsonl` | 6 | older | 2026-01-01 to 2026-01-06 | 5555555, 4444444, 3333333, 2222222 and 2 more |",
    ]
