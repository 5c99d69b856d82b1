"""One entry of a table: text, a note below it, and what kind of number it is."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from scripts.lab.defenses import COLD
from scripts.lab.grid.grid_rows import ATTACK_FAILED, MEASURED
from scripts.results.rows import Row
from scripts.results.shares import interval_of
from scripts.tables.published import NOT_REPORTED

Number = float | None
Figure = Callable[[Row], Number]
"""A number of a row; None where the row has none."""
Bounds = Callable[[Row], tuple[float, float] | None]
"""Of a share of a row; None where the row has none."""


class Entry(NamedTuple):
    """What stands in one place of a table."""

    text: str
    kind: str
    """`published` (the paper's own), `measured` (here), `failed` (the attack), or `empty` (not run, not reported)."""
    notes: tuple[str, ...] = ()
    """A range, and how many attacks failed."""


NOT_RUN = Entry("not run", "empty")


def no_bounds(_: Row) -> None:
    """Of what is no share."""


def share_bounds(name: str, over: str) -> Bounds:
    """Of the share of this name, as `interval_of` has them."""
    return lambda row: interval_of(row, name, over) if row.get(name) is not None else None


def of_paper(printed: str) -> Entry:
    """A cell of the paper, as printed."""
    return Entry(printed, "empty" if printed == NOT_REPORTED else "published")


def of_rows(
    rows: Sequence[Row], figure: Figure, *, sign: str = "", digits: int = 3, bounds: Bounds = no_bounds
) -> Entry:
    """The mean over seeds whose attack works, and the range of several; of one its interval.

    A cell without a row is empty, and one whose attack failed with every seed says so instead of a number.
    """
    measured = [row for row in rows if row["status"] == MEASURED]
    values = _present(map(figure, measured))
    if values:
        return _spread(values, sign=sign, digits=digits, notes=(*_interval(measured, bounds), *_failures(rows)))
    return Entry(ATTACK_FAILED, "failed") if _failures(rows) else NOT_RUN


def of_first_texts(rows: Sequence[Row], swept: Sequence[Row], *, remembers: bool) -> Entry:
    """ASR of first texts behind a defense, and in the notes of what it serves, and serves after a sweep.

    Args:
        rows: of the defense.
        swept: of the same cells, where the defense knew from the start what a sweep finds.
        remembers: whether what it serves is anything else.
    """
    entry = of_rows(rows, defended(COLD), bounds=share_bounds(COLD, "n_scored"))
    if entry.kind != "measured":
        return entry
    later = [
        ("served", of_rows(rows if remembers else (), defended("asr_defended"))),
        ("after a sweep", of_rows(swept, defended("asr_defended"))),
    ]
    return entry._replace(notes=(*entry.notes, *(f"{name} {each.text}" for name, each in later if each != NOT_RUN)))


def of_victims(rows: Sequence[Row], figure: Figure, *, bounds: Bounds = no_bounds) -> Entry:
    """The mean over undefended models whose attack works, or over all where it works in none."""
    working = [row for row in rows if row["status"] == MEASURED]
    values = _present(map(figure, working or rows))
    return _spread(values, notes=_interval(working or rows, bounds)) if values else NOT_RUN


def of_attacks(rows: Sequence[Row]) -> Entry:
    """The undefended ASR, with its floor and how many of the attacks failed."""
    entry = of_victims(rows, undefended("asr"), bounds=share_bounds("asr_undefended", "n_scored"))
    if entry == NOT_RUN:
        return entry
    entry = entry._replace(notes=(*entry.notes, *_floor(rows)))
    if not _failures(rows):
        return entry
    if all(row["status"] == ATTACK_FAILED for row in rows):
        return entry._replace(kind="failed", notes=(*entry.notes, ATTACK_FAILED))
    return entry._replace(notes=(*entry.notes, *_failures(rows)))


def figure_of(field: str) -> Figure:
    """The number in this field."""
    return lambda row: None if row.get(field) is None else float(row[field])


def undefended(name: str) -> Figure:
    """CACC (higher = better) or ASR (higher = the attack works) of the plain model, in [0, 1]."""

    return figure_of(f"{name}_undefended")


def defended(field: str) -> Figure:
    """CACC (higher = better) or ASR (lower = better) behind the defense of the row, in [0, 1], by its field."""
    return figure_of(field)


def floor(row: Row) -> float | None:
    """What a clean model of the same base says to the attacked texts: ASR without a backdoor, in [0, 1]."""
    return figure_of("asr_floor")(row)


def cacc_change(row: Row) -> float | None:
    """What the defense does to clean accuracy; below 0 = costs some."""
    before, after = undefended("cacc")(row), defended("cacc_defended")(row)
    return None if before is None or after is None else after - before


def _spread(values: Sequence[float], *, sign: str = "", digits: int = 3, notes: tuple[str, ...] = ()) -> Entry:
    mean, low, high = (f"{value:{sign}.{digits}f}" for value in (sum(values) / len(values), min(values), max(values)))
    between = () if low == high else (f"{low} to {high}" if sign else f"{low}–{high}",)
    return Entry(mean, "measured", (*between, *notes))


def _floor(rows: Sequence[Row]) -> tuple[str, ...]:
    """Where there is one."""
    entry = of_victims(rows, floor)
    return () if entry == NOT_RUN else (f"floor {entry.text}",)


def _interval(rows: Sequence[Row], bounds: Bounds) -> tuple[str, ...]:
    """Of a single row; several have a range instead."""
    found = bounds(rows[0]) if len(rows) == 1 else None
    return () if found is None else (f"{found[0]:.3f}–{found[1]:.3f}",)


def _failures(rows: Sequence[Row]) -> tuple[str, ...]:
    """How many attacks failed, where any did."""
    n_failed = sum(row["status"] == ATTACK_FAILED for row in rows)
    return (f"{n_failed} of {len(rows)} failed",) if n_failed else ()


def mean_of(values: Iterable[Number]) -> Number:
    """Of those that are there; None of none."""
    present = _present(values)
    return sum(present) / len(present) if present else None


def _present(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
