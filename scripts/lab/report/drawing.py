"""Rows of results to the page and its figures, as files."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from handler.xgraad.options import DEFAULT_RULE
from scripts.lab.defenses import COLD, among
from scripts.lab.grid.grid_rows import MEASURED, NO_ATTACK
from scripts.lab.report.ablation_figure import ablation_figure, ablation_title
from scripts.lab.report.above_floor_figure import above_floor_figure, above_floor_title, behind_all
from scripts.lab.report.figures import score_figure, score_title, sweep_figure, sweep_title, word_figure, word_title
from scripts.lab.report.first_text_figure import cells_of, first_text_figure, first_text_title
from scripts.lab.report.growth_figure import growth_figure, growth_title
from scripts.lab.report.page import Picture, Pictures, VictimSection, render_page
from scripts.lab.report.style import styled, svg_of, write_png
from scripts.results.rows import Row, read_rows
from scripts.tables.all_defenses import attacked_rows
from scripts.tables.paper_tables import compared_rows
from scripts.tables.speed_tables import latest_speeds

PAGE = "report.html"
SCORES = (
    "Figure 2: how the scores of {n_clean} clean and {n_triggered} attacked test texts are distributed. The dashed "
    "line is percentile 95 of clean calibration texts; higher = more suspicious."
)
SWEEP = (
    "Figure 3: the rule paper at percentiles 45 to 99 of the clean calibration scores. The dotted line is the "
    "undefended model; the accuracy axis does not begin at 0."
)
WORDS = (
    "Figure 5: planted triggers are hatched, their names bold. Left the first attacked text that is flagged and has 8 "
    "words or more, at most 22 words of it; right the words seen 3 times or more."
)
ABLATION = (
    "Figure 4: each signal alone and their product, each with percentile 95 of its own clean scores as the threshold; "
    "the top word of the signal is changed. The accuracy axis does not begin at 0."
)
FIRST_TEXTS = (
    "Each attacked text judged alone, by a defense without memory, over texts that the undefended model has right when "
    "clean. Only what lies right of the floor, which a clean model of the same base reaches on the same texts, is the "
    "backdoor's. Served: 32 texts at a time, by a defense that remembers. Several seeds: their mean, and the range of "
    "their intervals."
)
ABOVE_FLOOR = (
    "Each dot is an attack on a data set: the share of its first texts that get through, less what a clean model of "
    "the same base gives the attacker on the same texts, over texts right when clean. Bars are means; how many attacks "
    "a defense met stands behind its name, and means of different attacks do not compare. Left of 0 it answers "
    "attacked texts right that a clean model does not."
)
GROWTH = (
    "Wall clock, median over rounds, {n_threads} threads, {precision}. Both axes are logarithmic: a line as steep as "
    "the plain model's grows as it does. The gate of verified lets the usual share of texts through."
)


class Kind(NamedTuple):
    """A figure that every victim gets."""

    name: str
    draw: Callable[[Row], Figure]
    title: Callable[[Row], str]
    caption: str
    """With names of a row's fields in braces."""


KINDS = (
    Kind("figure-2", score_figure, score_title, SCORES),
    Kind("figure-3", sweep_figure, sweep_title, SWEEP),
    Kind("figure-5", word_figure, word_title, WORDS),
)


def draw_report(results: Path, out: Path, *, origin: Mapping[str, Any]) -> Path:
    """Write the page and each figure as SVG and PNG; returns the page.

    Args:
        results: folder with `grid.jsonl`, `defenses.jsonl`, `signals.jsonl` and `speed.jsonl`; what is not there yet
            stays empty.
        out: folder to write to, made where needed.
        origin: commit, versions and time of the drawing.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = latest_signals(results / "signals.jsonl")
    sections, overall = [], []
    with styled():
        for name, row in rows.items():
            sections.append(VictimSection(name=victim_name(row), note=_note(row), pictures=_pictures(name, row, out)))
        if rows:
            over_all = list(rows.values())
            figure = ablation_figure(over_all, [_short_name(row) for row in over_all])
            overall.append(_keep(figure, "figure-4", ablation_title(over_all), ABLATION, out))
        costs = [
            _keep(growth_figure(row), f"growth-{_file_name(device)}", growth_title(row), GROWTH.format(**row), out)
            for device, row in latest_speeds(results).items()
        ]
        cells = compared_rows(results)
        in_table = attacked_rows(results)
        defenses, first_texts = list(_defenses(in_table, out)), list(_first_texts(cells, out))
    page = out / PAGE
    pictures = Pictures(defenses=defenses, first_texts=first_texts, victims=sections, overall=overall, costs=costs)
    page.write_text(render_page(cells, in_table, pictures, origin=origin), encoding="utf-8")
    return page


def _defenses(cells: Sequence[Row], out: Path) -> Iterator[Picture]:
    """One figure, of cells that know the floor of their attack."""
    if found := behind_all(cells):
        yield _keep(above_floor_figure(found), "defenses", above_floor_title(found), ABOVE_FLOOR, out)


def _first_texts(cells: Sequence[Row], out: Path) -> Iterator[Picture]:
    """A figure of each defense that met an attack, that of the default rule first."""
    measured = [row for row in cells if row["status"] == MEASURED and row["attack"] != NO_ATTACK]
    names = among({str(row["defense"]) for row in measured}, headline=COLD)
    for name in sorted(names, key=lambda name: name != DEFAULT_RULE):
        if found := cells_of(measured, name):
            yield _keep(
                first_text_figure(found), f"first-texts-{name}", first_text_title(name, found), FIRST_TEXTS, out
            )


def latest_signals(path: Path) -> dict[str, Row]:
    """The last row of each victim, by the name of its files, in order of that name."""
    latest = {
        (row["architecture"], row["dataset"], row["attack"], tuple(row.get("triggers", ())), row.get("seed")): row
        for row in read_rows(path)
    }
    found: dict[str, Row] = {}
    for key in sorted(latest, key=str):
        architecture, dataset, attack, triggers, seed = key
        stem = _file_name(architecture, dataset, attack, *triggers, seed)
        name, number = stem, 2
        while name in found:
            name, number = f"{stem}-{number}", number + 1
        found[name] = latest[key]
    return found


def victim_name(row: Row) -> str:
    """A victim in words."""
    triggers = row.get("triggers", ())
    planted = f"; triggers: {', '.join(triggers)}" if triggers else ""
    return f"{row['attack']} on {row['dataset']}, {row['architecture']}, seed {row.get('seed')}{planted}"


def _note(row: Row) -> str:
    over = "texts right when clean" if row["asr_over"] == "right_when_clean" else "all attacked texts"
    commit = str(row.get("commit", ""))[:8] + (" with uncommitted changes" if row.get("dirty") else "")
    return (
        f"Measured here: base {row.get('base', 'unknown')}, {row['n_clean']} clean and {row['n_triggered']} attacked "
        f"test texts, calibrated on {row['calibration']['n_texts']}; ASR over {over}; commit {commit}, "
        f"{row.get('time', '')}."
    )


def _short_name(row: Row) -> str:
    return f"{row['attack']}\n{row['dataset']}, {row['architecture']}\nseed {row.get('seed')}"


def _pictures(name: str, row: Row, out: Path) -> list[Picture]:
    return [
        _keep(kind.draw(row), f"{kind.name}-{name}", kind.title(row), kind.caption.format(**row), out) for kind in KINDS
    ]


def _keep(figure: Figure, name: str, title: str, caption: str, out: Path) -> Picture:
    """Write a figure as SVG and PNG and return it for the page."""
    svg = svg_of(figure, name)
    (out / f"{name}.svg").write_text(svg, encoding="utf-8")
    write_png(figure, out / f"{name}.png")
    return Picture(name=name, title=title, caption=caption, svg=svg)


def _file_name(*parts: object) -> str:
    """Letters, digits and dashes of the parts."""
    return re.sub(r"[^a-z0-9_]+", "-", "-".join(map(str, parts)).lower()).strip("-")[:100]
