"""The report's tables of all defenses: against every attack, and what they cost beside the paper's Table 4."""

from collections.abc import Sequence

from scripts.lab.defenses import DEFENSES
from scripts.lab.grid.grid_rows import MEASURED, one_per_victim, select
from scripts.lab.report.behind_defenses import names_of
from scripts.lab.report.entries import (
    NOT_RUN,
    Entry,
    Figure,
    cacc_change,
    defended,
    figure_of,
    floor,
    of_attacks,
    of_paper,
    of_rows,
    of_victims,
    share_bounds,
)
from scripts.lab.report.tables import ARCHITECTURE_NAMES, DATASET_NAMES, HERE, PAPER, Column, Heading, Line, Table
from scripts.results.rows import Row
from scripts.tables.all_defenses import columns_of, in_column, named
from scripts.tables.paper_tables import of_one_run, of_record
from scripts.tables.published import METHODS, records

COSTS: tuple[tuple[str, Figure, str, int], ...] = (
    ("CACC change", cacc_change, "+", 4),
    ("s per 1,000 texts", figure_of("seconds_per_1000"), "", 1),
    ("s once", figure_of("seconds_once"), "", 0),
)
"""Name, figure, sign and digits."""


def defenses_compared(rows: Sequence[Row]) -> Table:
    """A line for each defense, below those of a clean model and of none; a column for each attack on each data set.

    Args:
        rows: of attacks, those of the table of defenses.
    """
    attacks = columns_of(rows)
    columns = [
        Column(f"{DATASET_NAMES.get(data, data.upper())}, {ARCHITECTURE_NAMES.get(model, model)}", HERE, attack)
        for attack, data, model in attacks
    ]
    columns += [Column("cost", HERE, name) for name, *_ in COSTS]
    victims = [one_per_victim(in_column(rows, each)) for each in attacks]
    nothing = [Entry("", "empty")] * len(COSTS)
    bounds = share_bounds("asr_floor", "n_floor")
    plain = [[of_victims(found, floor, bounds=bounds) for found in victims], [of_attacks(found) for found in victims]]
    lines = [
        Line(headings=(Heading(name),), entries=(*entries, *nothing))
        for name, entries in zip(("none; a clean model (the floor)", "none"), plain, strict=True)
    ]
    for name in DEFENSES:
        behind = [row for row in rows if row["defense"] == name]
        entries = [_behind(in_column(behind, each), name) for each in attacks]
        entries += [of_rows(behind, figure, sign=sign, digits=digits) for _, figure, sign, digits in COSTS]
        lines.append(Line(headings=(Heading(named(name)),), entries=tuple(entries)))
    title = "Every defense on every attack"
    return Table(title=title, labels=("defense",), columns=tuple(columns), lines=tuple(lines))


def costs_beside_the_paper(rows: Sequence[Row]) -> Table:
    """Table 4: the paper's seconds and ours."""
    own = [name for name in names_of(rows) if name not in METHODS.values()]
    columns = []
    for method in METHODS:
        columns += [Column(method, PAPER, "in all"), *(Column(method, HERE, cost) for cost, *_ in COSTS[1:])]
    columns += [Column(name, HERE, cost) for name in own for cost, *_ in COSTS[1:]]
    lines = []
    for record in records(4):
        found = of_one_run([row for row in of_record(rows, record) if row["status"] == MEASURED])
        entries: list[Entry] = []
        for method, name in METHODS.items():
            entries += [of_paper(record[method]), *_seconds(select(found, defense=name))]
        for name in own:
            entries += _seconds(select(found, defense=name))
        lines.append(Line(headings=(Heading(record["attack"]),), entries=tuple(entries)))
    title = "Table 4 of the paper, and here: what defenses cost on SST-2, BERT"
    return Table(title=title, labels=("attack",), columns=tuple(columns), lines=tuple(lines))


def _behind(rows: Sequence[Row], name: str) -> Entry:
    headline = DEFENSES[name].headline
    return of_rows(rows, defended(headline), bounds=share_bounds(headline, "n_scored")) if rows else NOT_RUN


def _seconds(rows: Sequence[Row]) -> list[Entry]:
    return [of_rows(rows, figure, sign=sign, digits=digits) for _, figure, sign, digits in COSTS[1:]]
