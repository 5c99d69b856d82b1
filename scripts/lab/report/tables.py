"""The report's tables: the paper's own beside ours, the adaptive attacks, and the models without a backdoor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, TypeVar

from scripts.lab.defenses import COLD
from scripts.lab.grid.grid_rows import KEY, NO_ATTACK, attack_name, one_per_victim, select
from scripts.lab.report.behind_defenses import accuracies, first_texts, names_of, plain_accuracy
from scripts.lab.report.entries import (
    Entry,
    cacc_change,
    of_attacks,
    of_paper,
    of_rows,
)
from scripts.results.rows import Row
from scripts.tables.published import ARCHITECTURES, ATTACKS, DATASETS, METHODS, printed, records

Key = TypeVar("Key")

HERE = "measured here"
PAPER = "the paper"
DATASET_NAMES = {ours: theirs for theirs, ours in DATASETS.items()}
ARCHITECTURE_NAMES = {ours: theirs for theirs, ours in ARCHITECTURES.items()}


class Column(NamedTuple):
    """The head of one column."""

    group: str
    """What stands above several columns."""
    origin: str
    """`the paper` or `measured here`."""
    name: str


class Heading(NamedTuple):
    """The head of one row or of several."""

    text: str
    n_rows: int = 1


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row of a table."""

    headings: tuple[Heading, ...]
    """Those that begin here."""
    entries: tuple[Entry, ...]
    begins: bool = False
    """Whether a new block of rows begins."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What the page draws as one table."""

    title: str
    labels: tuple[str, ...]
    """Names of the columns of row heads."""
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]

    def groups(self) -> list[tuple[str, int]]:
        """The upper row of the head: text and number of columns."""
        return _runs(column.group for column in self.columns)

    def origins(self) -> list[tuple[str, int]]:
        """The middle row of the head: runs within each group."""
        return [(key[1], n) for key, n in _runs((column.group, column.origin) for column in self.columns)]


def beside_the_paper(number: int, rows: Sequence[Row]) -> Table:
    """Table 1, 2 or 3: here no defense, each of the paper's methods in the paper and here, and our own."""
    datasets = list(dict.fromkeys(record["dataset"] for record in records(number)))
    own = [name for name in names_of(rows) if name not in METHODS.values()]
    pairs = [(origin, name) for method, ours in METHODS.items() for origin, name in ((PAPER, method), (HERE, ours))]
    columns = tuple(
        Column(dataset, origin, name)
        for dataset in datasets
        for origin, name in ((HERE, "undefended"), *pairs, *((HERE, name) for name in own))
    )
    lines = [
        Line(
            headings=(*headings, Heading(figure)),
            begins=len(headings) == 2,
            entries=tuple(
                entry
                for dataset in datasets
                for entry in _beside(number, rows, own, model=model, attack=attack, figure=figure, dataset=dataset)
            ),
        )
        for headings, (model, attack, figure) in _with_spans(number)
    ]
    title = f"Table {number} of the paper, and here"
    return Table(title=title, labels=("model", "attack", "figure"), columns=columns, lines=tuple(lines))


def other_attacks(rows: Sequence[Row]) -> Table:
    """Every attack that the paper does not have, adaptive ones among them."""
    known = {*ATTACKS.values(), NO_ATTACK}
    cells = dict.fromkeys(_cell(row) for row in rows if attack_name(row) not in known)
    names = names_of(rows)
    columns = [Column("ASR of first texts", HERE, name) for name in ("undefended", *names)]
    columns += [Column("CACC change", HERE, name) for name in names]
    lines = []
    for attack, dataset, architecture in sorted(cells):
        found = select(_named(rows, attack), dataset=dataset, architecture=architecture)
        by_name = [select(found, defense=name) for name in names]
        entries = (
            of_attacks(one_per_victim(found)),
            *first_texts(found, names),
            *(of_rows(seeds, cacc_change, sign="+") for seeds in by_name),
        )
        head = (attack, DATASET_NAMES.get(dataset, dataset.upper()), ARCHITECTURE_NAMES.get(architecture, architecture))
        lines.append(Line(headings=tuple(map(Heading, head)), entries=entries))
    title = "Attacks that the paper does not have"
    return Table(title=title, labels=("attack", "data", "model"), columns=tuple(columns), lines=tuple(lines))


def clean_models(rows: Sequence[Row]) -> Table:
    """Clean accuracy of every base on every data set, before and behind each defense."""
    clean = [row for row in rows if row["attack"] == NO_ATTACK]
    names = names_of(clean)
    columns = [Column(dataset, HERE, name) for dataset in DATASETS for name in ("undefended", *names)]
    lines = []
    for model, architecture in ARCHITECTURES.items():
        entries: list[Entry] = []
        for dataset in DATASETS.values():
            found = select(clean, architecture=architecture, dataset=dataset)
            entries += [plain_accuracy(one_per_victim(found)), *accuracies(found, names)]
        lines.append(Line(headings=(Heading(model),), entries=tuple(entries)))
    title = "Clean accuracy of models without a backdoor"
    return Table(title=title, labels=("model",), columns=tuple(columns), lines=tuple(lines))


def every_cell(rows: Sequence[Row]) -> Table:
    """What was measured, cell by cell, and where from."""
    figures = ("cacc_undefended", "cacc_defended", "asr_undefended", COLD, "asr_defended", "auroc", "second_pass_share")
    counts = ("n_clean", "n_triggered", "seconds")
    origin = ("base", "commit", "time")
    columns = [Column("cell", HERE, "status")]
    columns += [Column("figures", HERE, name) for name in (*figures, *counts)]
    columns += [Column("origin", HERE, name) for name in origin]
    lines = []
    for row in sorted(rows, key=lambda row: [_number(row.get(name)) for name in KEY]):
        texts = [str(row["status"]), *(_number(row.get(name)) for name in (*figures, *counts))]
        texts += [str(row.get("base", "")), _commit(row), str(row.get("time", ""))]
        headings = tuple(Heading(_number(row.get(name))) for name in KEY)
        lines.append(Line(headings=headings, entries=tuple(Entry(text, "measured") for text in texts)))
    return Table(title="Every cell measured", labels=KEY, columns=tuple(columns), lines=tuple(lines))


def _beside(number: int, rows: Sequence[Row], own: Sequence[str], **place: str) -> list[Entry]:
    """Ours undefended, then for each method the paper's figure and ours, then our own defenses'."""
    name = place["figure"].lower()
    attack = ATTACKS[place["attack"]]
    dataset, architecture = DATASETS[place["dataset"]], ARCHITECTURES[place["model"]]
    found = select(_named(rows, attack), dataset=dataset, architecture=architecture)
    victims, behind = one_per_victim(found), first_texts if name == "asr" else accuracies
    entries = [of_attacks(victims) if name == "asr" else plain_accuracy(victims)]
    for method, ours in METHODS.items():
        entries += [of_paper(printed(number, method=method, **place)), *behind(found, [ours])]
    return [*entries, *behind(found, own)]


def _with_spans(number: int) -> list[tuple[tuple[Heading, ...], tuple[str, str, str]]]:
    """The rows of a table of the paper, each with the heads of the blocks that begin there."""
    keys = list(dict.fromkeys((row["model"], row["attack"], row["figure"]) for row in records(number)))
    found: list[tuple[tuple[Heading, ...], tuple[str, str, str]]] = []
    for row, key in enumerate(keys):
        starts = [n for n in (1, 2) if row == 0 or keys[row - 1][:n] != key[:n]]
        heads = tuple(Heading(key[n - 1], sum(other[:n] == key[:n] for other in keys)) for n in starts)
        found.append((heads, key))
    return found


def _named(rows: Sequence[Row], attack: str) -> list[Row]:
    return [row for row in rows if attack_name(row) == attack]


def _cell(row: Row) -> tuple[str, str, str]:
    return attack_name(row), str(row["dataset"]), str(row["architecture"])


def _commit(row: Row) -> str:
    return str(row.get("commit", ""))[:8] + (" + changes" if row.get("dirty") else "")


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 10 else f"{value:.0f}"
    return "" if value is None else str(value)


def _runs(keys: Iterable[Key]) -> list[tuple[Key, int]]:
    """Equal neighbors, counted."""
    return [(key, len(list(run))) for key, run in groupby(keys)]
