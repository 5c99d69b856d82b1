"""One entry of a table: text, a note below it, and what kind of number it is."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from scripts.lab.grid_rows import ATTACK_FAILED, MEASURED
from scripts.lab.report.published import NOT_REPORTED
from scripts.lab.results import Row

Figure = Callable[[Row], float | None]
"""A number of a row; None where the row has none."""


class Entry(NamedTuple):
    """What stands in one place of a table."""

    text: str
    kind: str
    """`published` (the paper's own), `measured` (here), `failed` (the attack), or `empty` (not run, not reported)."""
    notes: tuple[str, ...] = ()
    """A range, and how many attacks failed."""


NOT_RUN = Entry(NOT_REPORTED, "empty")


def of_paper(printed: str) -> Entry:
    """A cell of the paper, as printed."""
    return NOT_RUN if printed == NOT_REPORTED else Entry(printed, "published")


def of_rows(rows: Sequence[Row], figure: Figure, *, sign: str = "") -> Entry:
    """The mean over seeds whose attack works, and the range of several.

    A cell without a row is empty, and one whose attack failed with every seed says so instead of a number.
    """
    values = _present(figure(row) for row in rows if row["status"] == MEASURED)
    if values:
        return _spread(values, sign=sign, notes=_failures(rows))
    return Entry(ATTACK_FAILED, "failed") if _failures(rows) else NOT_RUN


def of_victims(rows: Sequence[Row], figure: Figure) -> Entry:
    """The mean over undefended models whose attack works, or over all where it works in none."""
    working = [row for row in rows if row["status"] == MEASURED]
    values = _present(map(figure, working or rows))
    return _spread(values) if values else NOT_RUN


def of_attacks(rows: Sequence[Row]) -> Entry:
    """The undefended ASR, with how many of the attacks failed."""
    entry = of_victims(rows, undefended("asr"))
    if entry == NOT_RUN or not _failures(rows):
        return entry
    if all(row["status"] == ATTACK_FAILED for row in rows):
        return entry._replace(kind="failed", notes=(*entry.notes, ATTACK_FAILED))
    return entry._replace(notes=(*entry.notes, *_failures(rows)))


def undefended(name: str) -> Figure:
    """CACC (higher = better) or ASR (higher = the attack works) of the plain model, in [0, 1]."""

    def figure(row: Row) -> float | None:
        """As measured beside a rule, or else when the victim was made."""
        if row.get(f"{name}_undefended") is not None:
            return float(row[f"{name}_undefended"])
        victim = row.get("victim") or {}
        value = victim.get(f"{name}_right_when_clean", victim.get(name))
        return None if value is None else float(value)

    return figure


def defended(name: str) -> Figure:
    """CACC (higher = better) or ASR (lower = better) behind the rule of the row, in [0, 1]."""
    return lambda row: None if row.get(f"{name}_defended") is None else float(row[f"{name}_defended"])


def cacc_change(row: Row) -> float | None:
    """What the defense does to clean accuracy; below 0 = costs some."""
    before, after = undefended("cacc")(row), defended("cacc")(row)
    return None if before is None or after is None else after - before


def _spread(values: Sequence[float], *, sign: str = "", notes: tuple[str, ...] = ()) -> Entry:
    mean, low, high = (f"{value:{sign}.3f}" for value in (sum(values) / len(values), min(values), max(values)))
    between = () if low == high else (f"{low} to {high}" if sign else f"{low}–{high}",)
    return Entry(mean, "measured", (*between, *notes))


def _failures(rows: Sequence[Row]) -> tuple[str, ...]:
    """How many attacks failed, where any did."""
    n_failed = sum(row["status"] == ATTACK_FAILED for row in rows)
    return (f"{n_failed} of {len(rows)} failed",) if n_failed else ()


def _present(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
