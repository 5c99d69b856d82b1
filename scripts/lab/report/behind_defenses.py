"""What tables say of a cell behind each defense, side by side."""

from collections.abc import Sequence

from handler.xgraad.options import DEFAULT_RULE
from scripts.lab.defenses import COLD, DEFENSES, SWEPT, among
from scripts.lab.grid.grid_rows import select
from scripts.lab.report.entries import Entry, defended, of_first_texts, of_rows, of_victims, share_bounds, undefended
from scripts.results.rows import Row

ALWAYS = ("paper", DEFAULT_RULE)
"""Rules that have a column whether they were run or not; others have one where they were."""


def names_of(rows: Sequence[Row]) -> list[str]:
    """The defenses that have a column: those with a row, as far as tables show what their first texts met with."""
    return among({*ALWAYS, *(str(row["defense"]) for row in rows)}, headline=COLD)


def first_texts(found: Sequence[Row], names: Sequence[str]) -> list[Entry]:
    """Behind each defense."""
    return [
        of_first_texts(select(found, defense=name), after_a_sweep(found, name), remembers=_remembers(name))
        for name in names
    ]


def _remembers(name: str) -> bool:
    """A method of the paper that is no defense here has no rows that would remember."""
    return name in DEFENSES and DEFENSES[name].remembers


def after_a_sweep(rows: Sequence[Row], name: str) -> list[Row]:
    """What is served after a sweep is told of the default rule, which does what is swept; of others there is none."""
    sweeping = among(DEFENSES, headline=SWEPT) if name == DEFAULT_RULE else []
    return [row for row in rows if row["defense"] in sweeping]


def plain_accuracy(victims: Sequence[Row]) -> Entry:
    """CACC of the undefended models."""
    return of_victims(victims, undefended("cacc"), bounds=share_bounds("cacc_undefended", "n_clean"))


def accuracies(found: Sequence[Row], names: Sequence[str]) -> list[Entry]:
    """CACC behind each defense."""
    bounds = share_bounds("cacc_defended", "n_clean")
    return [of_rows(select(found, defense=name), defended("cacc_defended"), bounds=bounds) for name in names]
