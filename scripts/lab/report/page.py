"""One self-contained page: styles and figures inside, no script, nothing fetched; every text is escaped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import PackageLoader
from markupsafe import Markup

from handler.page.environment import page_environment
from scripts.lab.grid.grid_rows import ATTACK_FAILED, MEASURED
from scripts.lab.report.all_defenses import costs_beside_the_paper, defenses_compared
from scripts.lab.report.style import inline
from scripts.lab.report.tables import (
    Table,
    beside_the_paper,
    clean_models,
    every_cell,
    other_attacks,
)
from scripts.results.rows import Row
from scripts.tables.published import source


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure and what is said of it."""

    name: str
    """Of its files, without an ending."""
    title: str
    """What one sees."""
    caption: str
    svg: str

    @property
    def element(self) -> Markup:
        """The figure as an element; matplotlib has escaped its texts."""
        return Markup(inline(self.svg))  # noqa: S704


@dataclass(frozen=True, kw_only=True)
class VictimSection:
    """The figures of one victim."""

    name: str
    note: str
    pictures: Sequence[Picture]


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """All figures of the page."""

    defenses: Sequence[Picture]
    """Over all defenses."""
    first_texts: Sequence[Picture]
    """Of each defense, over all attacks."""
    victims: Sequence[VictimSection]
    overall: Sequence[Picture]
    """Over all victims."""
    costs: Sequence[Picture]
    """Of each device."""


def render_page(cells: Sequence[Row], in_table: Sequence[Row], pictures: Pictures, *, origin: Mapping[str, Any]) -> str:
    """The page.

    Args:
        cells: rows of the grid, the latest of each cell.
        in_table: those of attacks that the table of defenses has.
        pictures: its figures.
        origin: commit, versions and time of the drawing.
    """
    environment = page_environment(PackageLoader(__package__))
    compared = [beside_the_paper(number, cells) for number in (1, 2, 3)]
    own: dict[str, Table] = {
        "defenses": defenses_compared(in_table),
        "costs": costs_beside_the_paper(cells),
        "other": other_attacks(cells),
        "clean": clean_models(cells),
        "every": every_cell(cells),
    }
    return environment.get_template("report.html").render(
        compared=compared, own=own, pictures=pictures, origin=origin, source=source(),
        summary=summarize(cells, compared), bases=bases_of(cells),
    )  # fmt: skip


def summarize(cells: Sequence[Row], tables: Sequence[Table]) -> dict[str, int]:
    """How much of the paper's tables was run: settings of model, data and attack, by what became of them."""
    groups = [
        line.entries[start : start + n]
        for table in tables
        for line in table.lines
        if line.headings[-1].text == "ASR"
        for n in (table.groups()[0][1],)  # columns of a data set, the same for each
        for start in range(0, len(line.entries), n)
    ]
    kinds = [{entry.kind for entry in group} - {"published"} for group in groups]
    return {
        "settings": len(kinds),
        "measured": sum("measured" in found for found in kinds),
        "failed": sum("failed" in found and "measured" not in found for found in kinds),
        "empty": sum(found == {"empty"} for found in kinds),
        "cells": len(cells),
        "cells_measured": sum(row["status"] == MEASURED for row in cells),
        "cells_failed": sum(row["status"] == ATTACK_FAILED for row in cells),
    }


def bases_of(cells: Sequence[Row]) -> dict[str, str]:
    """For each architecture the weights its victims were trained from."""
    found: dict[str, set[str]] = {}
    for row in cells:
        found.setdefault(str(row["architecture"]), set()).add(str(row.get("base", "unknown")))
    return {architecture: ", ".join(sorted(names)) for architecture, names in sorted(found.items())}
