"""The paper's Tables 1 to 4, each of its figures beside what was measured here: first texts, with their interval."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from handler.xgraad.options import DEFAULT_RULE
from scripts.lab.grid.grid_rows import ATTACK_FAILED, attack_name, one_per_victim, read_cells, select, victim_key
from scripts.results.rows import Row, markdown, spread
from scripts.results.shares import cold, share
from scripts.tables.all_defenses import NOT_RUN, ROWS
from scripts.tables.published import ARCHITECTURES, ATTACKS, DATASETS, METHODS, Record, records


def paper_table(results: Path, number: int) -> str:
    """Table 1, 2 or 3: in each cell the paper's figure and, behind the stroke, ours."""
    rows = compared_rows(results)
    header = (
        *("model", "attack", "data", "figure", "undefended, here", "floor, here"),
        *(f"{method}: the paper / here" for method in METHODS),
        f"`{DEFAULT_RULE}`, here",
    )
    return markdown(header, [_line(record, of_record(rows, record)) for record in records(number)])


def costs_table(results: Path) -> str:
    """Table 4: the paper's seconds on one A100, and here those of 1,000 clean texts and those spent once a checkpoint.

    Of a victim only defenses that one process measured: times of others do not compare.
    """
    rows = compared_rows(results)
    lines = []
    for record in records(4):
        found = of_one_run(of_record(rows, record))
        ours = [_seconds(select(found, defense=name)) for name in METHODS.values()]
        paper = [record[method] for method in METHODS]
        cells = [" / ".join(pair) for pair in zip(paper, ours, strict=True)]
        lines.append([record["attack"], *cells, _seconds(select(found, defense=DEFAULT_RULE))])
    header = ("attack", *(f"{method}: the paper / here" for method in METHODS), f"`{DEFAULT_RULE}`, here")
    return markdown(header, lines)


def compared_rows(results: Path) -> list[Row]:
    """Every cell; where the table of defenses has it too, as it stands there."""
    return read_cells(results / "grid.jsonl", results / ROWS)


def of_record(rows: Sequence[Row], record: Record) -> list[Row]:
    """The rows of what a cell of the paper is about, whatever the defense."""
    attack, dataset = ATTACKS[record["attack"]], DATASETS[record["dataset"]]
    named = [row for row in rows if attack_name(row) == attack]
    return select(named, dataset=dataset, architecture=ARCHITECTURES[record["model"]])


def of_one_run(rows: Sequence[Row]) -> list[Row]:
    """Of each victim the rows of the run that measured most of its defenses, the later of two that measured as many."""
    runs: defaultdict[tuple[object, ...], defaultdict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if "run" in row:
            runs[victim_key(row)][row["run"]].append(row)
    chosen = [
        max(found.values(), key=lambda run: (len(run), max(row["time"] for row in run))) for found in runs.values()
    ]
    return [row for run in chosen for row in run]


def _line(record: Record, rows: Sequence[Row]) -> list[str]:
    head = [record[name] for name in ("model", "attack", "dataset", "figure")]
    ours = {name: _ours(select(rows, defense=name), record["figure"]) for name in (*METHODS.values(), DEFAULT_RULE)}
    cells = [f"{record[method]} / {ours[name]}" for method, name in METHODS.items()]
    return [*head, *_plain(one_per_victim(rows), record["figure"]), *cells, ours[DEFAULT_RULE]]


def _plain(victims: Sequence[Row], figure: str) -> tuple[str, str]:
    """Undefended, and the floor where the figure has one."""
    if figure != "ASR":
        return share(victims, "cacc_undefended", "n_clean") or NOT_RUN, ""
    floors = [row for row in victims if "asr_floor" in row]
    return share(victims, "asr_undefended", "n_scored") or NOT_RUN, share(floors, "asr_floor", "n_floor") or NOT_RUN


def _ours(rows: Sequence[Row], figure: str) -> str:
    if any(row["status"] == ATTACK_FAILED for row in rows):
        return ATTACK_FAILED
    if not rows:
        return NOT_RUN
    return cold(rows) if figure == "ASR" else share(rows, "cacc_defended", "n_clean")


def _seconds(rows: Sequence[Row]) -> str:
    measured = [row for row in rows if "seconds_once" in row]
    if not measured:
        return NOT_RUN
    return f"{spread(measured, 'seconds_per_1000', digits=1)} + {spread(measured, 'seconds_once', digits=0)} once"
