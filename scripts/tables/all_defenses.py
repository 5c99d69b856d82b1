"""The README's table of defenses: what each leaves of each attack, and what it costs."""

from collections.abc import Sequence
from pathlib import Path

from handler.xgraad.options import DEFAULT_RULE
from scripts.lab.defenses import COLD, DEFENSES, among
from scripts.lab.grid.cell import DATASETS
from scripts.lab.grid.grid_rows import ATTACK_FAILED, MEASURED, NO_ATTACK, attack_name, one_per_victim, read_cells
from scripts.results.rows import Row, markdown, spread
from scripts.results.shares import share
from scripts.tables.grid_tables import ARCHITECTURES, ORDER

NOT_RUN = "not run"
INSERTS_NOTHING = ("lws", "lws_published", "hiddenkiller", "stylebkd_bible")
"""Attacks that replace words, or rewrite whole texts."""
SHOWN_REPAIRS = ("ft", "augmentation", "rebuild", "agreement")
"""The baseline of all repairs, and the best with and without a trusted base; the table of defenses has the others."""
BERT = "bert"
ROWS = "defenses.jsonl"
"""Every defense of a victim, one after the other, by one process."""
COSTS = ("CACC change", "s per 1,000 texts", "s once")

Column = tuple[str, str, str]
"""Attack, data set and architecture."""


def defenses_table(results: Path) -> str:
    """A line for each defense, below those of a clean model and of none; a column for each attack on each data set.

    Shares of first texts, and of one victim their interval; of several seeds mean and range.
    """
    rows = attacked_rows(results)
    columns = columns_of(rows)
    several = len({architecture for *_, architecture in columns}) > 1
    header = ("defense", *(", ".join(column if several else column[:2]) for column in columns), *COSTS)
    floors, undefended = _without_defense(rows, columns)
    nothing = [""] * len(COSTS)
    lines = [("none; a clean model (the floor)", *floors, *nothing), ("none", *undefended, *nothing)]
    for name in DEFENSES:
        behind = [row for row in rows if row["defense"] == name]
        lines.append(
            (f"`{named(name)}`", *(_cell(in_column(behind, column), name) for column in columns), *_costs(behind))
        )
    return markdown(header, lines)


def repairs_table(results: Path) -> str:
    """Attacks that insert no word: what a clean model does, and what is left by no defense, by the rule, by repairs."""
    rows = [row for row in attacked_rows(results) if row["attack"] in INSERTS_NOTHING and row["architecture"] == BERT]
    columns = columns_of(rows)
    floors, undefended = _without_defense(rows, columns)
    lines = [("a clean model: the floor", *floors), ("none", *undefended)]
    names = among({row["defense"] for row in rows} & {DEFAULT_RULE, *SHOWN_REPAIRS})
    lines += [(f"`{name}`", *(_both(in_column(rows, column), name) for column in columns)) for name in names]
    return markdown(("defense", *(", ".join(column[:2]) for column in columns)), lines)


def attacked_rows(results: Path) -> list[Row]:
    """The latest of each cell with an attack."""
    return [row for row in read_cells(results / ROWS) if row["attack"] != NO_ATTACK]


def columns_of(rows: Sequence[Row]) -> list[Column]:
    """Every attack that was run, in the order of the tables."""
    found = {_column(row): row for row in rows}
    return sorted(found, key=lambda column: _place(found[column]))


def in_column(rows: Sequence[Row], column: Column) -> list[Row]:
    """Those of this attack."""
    return [row for row in rows if _column(row) == column]


def named(name: str) -> str:
    """A defense, and which of its figures stands beside it where that is not that of first texts."""
    return name if DEFENSES[name].headline == COLD else f"{name}, served"


def cacc_change(row: Row) -> float:
    """What the defense does to accuracy on clean texts; below 0 = costs some."""
    return float(row["cacc_defended"] - row["cacc_undefended"])


def _column(row: Row) -> Column:
    return attack_name(row), str(row["dataset"]), str(row["architecture"])


def _place(row: Row) -> tuple[int, int, int, str]:
    return (
        ARCHITECTURES.index(row["architecture"]),
        DATASETS.index(row["dataset"]),
        ORDER.index(row["attack"]),
        attack_name(row),
    )


def _without_defense(rows: Sequence[Row], columns: Sequence[Column]) -> tuple[list[str], list[str]]:
    """In each column what a clean model gives the attacker, and what the victim does."""
    victims = [one_per_victim(in_column(rows, column)) for column in columns]
    return [*map(_floor, victims)], [share(found, "asr_undefended", "n_scored") for found in victims]


def _floor(rows: Sequence[Row]) -> str:
    return share([row for row in rows if "asr_floor" in row], "asr_floor", "n_floor") or NOT_RUN


def _cell(rows: Sequence[Row], name: str) -> str:
    if any(row["status"] == ATTACK_FAILED for row in rows):
        return ATTACK_FAILED
    return share(rows, DEFENSES[name].headline, "n_scored") if rows else NOT_RUN


def _both(rows: Sequence[Row], name: str) -> str:
    """What gets through, and what it costs in accuracy."""
    behind = [row for row in rows if row["defense"] == name]
    measured = [row for row in behind if row["status"] == MEASURED]
    cost = f"; {spread(measured, cacc_change, digits=3, sign='+')}" if measured else ""
    return _cell(behind, name) + cost


def _costs(rows: Sequence[Row]) -> tuple[str, ...]:
    measured = [row for row in rows if row["status"] == MEASURED]
    if not measured:
        return (NOT_RUN,) * len(COSTS)
    return (
        spread(measured, cacc_change, digits=4, sign="+"),
        spread(measured, "seconds_per_1000", digits=1),
        spread(measured, "seconds_once", digits=0),
    )
