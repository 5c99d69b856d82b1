"""Rows of `results/grid.jsonl`: the latest of each cell, and what tables call it."""

from collections.abc import Iterable
from pathlib import Path

from scripts.lab.grid.one_rule import of_one_rule
from scripts.lab.training.triggers import USUAL_INSERTION
from scripts.results.rows import Row, read_rows

KEY = ("architecture", "dataset", "attack", "defense", "seed", "target", "insertion")
"""Fields that tell cells apart; the last two are missing in rows of the time when nothing else was measured."""
MEASURED, ATTACK_FAILED = "measured", "attack failed"
"""What `status` says of a cell."""
NO_ATTACK = "none"
"""The attack of a model without a backdoor."""


def read_cells(*paths: Path) -> list[Row]:
    """One row for each cell, the last that was written to the last file; none where files do not exist yet.

    Of one version of the rule, see `of_one_rule`.
    """
    latest = {tuple(row.get(name) for name in KEY): row for path in paths for row in read_rows(path)}
    return of_one_rule(latest.values(), victim=victim_key)


def select(rows: Iterable[Row], **wanted: str) -> list[Row]:
    """The rows whose fields are as wanted, one for each seed and defense, by seed."""
    found = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return sorted(found, key=lambda row: int(row["seed"]))


def one_per_victim(rows: Iterable[Row]) -> list[Row]:
    """One row for each trained model, whatever the defense and insertion.

    One that was measured where there is one, and of these one that knows the floor of the attack.
    """
    ordered = sorted(rows, key=lambda row: (row["status"] == MEASURED, "asr_floor" in row))
    victims = {tuple(row.get(name) for name in KEY if name not in ("defense", "insertion")): row for row in ordered}
    return sorted(victims.values(), key=lambda row: int(row["seed"]))


def victim_key(row: Row) -> tuple[object, ...]:
    """What tells attacked texts of a victim from all others, whatever defends it."""
    return tuple(row.get(name) for name in KEY if name != "defense")


def attack_name(row: Row) -> str:
    """What tables call the attack: with its target where that is not class 0, and an insertion that is not the usual.

    Attacks of the same name differ by nothing but the seed, on one architecture and data set.
    """
    insertion = row.get("insertion", USUAL_INSERTION)
    target = f", target {row['target']}" if row.get("target") else ""
    return str(row["attack"]) + (f" ({insertion})" if insertion != USUAL_INSERTION else "") + target
