"""Shares of texts as tables show them: with an interval, or over several rows with their range."""

from collections.abc import Sequence

from scripts.lab.evaluation.metrics import rate_interval
from scripts.results.rows import Row, spread


def interval_of(row: Row, name: str, over: str) -> tuple[float, float] | None:
    """The 95 % interval of a share: as the row has it, or of the number of texts it was taken over.

    Args:
        row: with the share.
        name: of the share.
        over: name of that number; rows of older commands lack some, and their shares then have no interval.
    """
    stored, n = row.get(f"{name}_interval"), row.get(over)
    if stored:
        return stored[0], stored[1]
    return rate_interval(round(row[name] * n), n) if n else None


def share(rows: Sequence[Row], name: str, over: str, *, digits: int = 3) -> str:
    """As `spread`, and for a single row the share with its interval; `over` as in `interval_of`."""
    bounds = interval_of(rows[0], name, over) if len(rows) == 1 and rows[0].get(name) is not None else None
    if bounds is None:
        return spread(rows, name, digits=digits)
    return f"{rows[0][name]:.{digits}f} ({bounds[0]:.{digits}f} to {bounds[1]:.{digits}f})"


def cold(rows: Sequence[Row]) -> str:
    """ASR of first texts over rows, and for a single row its interval."""
    return share(rows, "asr_cold", "n_scored")


def served(rows: Sequence[Row]) -> str:
    """ASR of what is served, as `cold`."""
    return share(rows, "asr_defended", "n_scored")


def own_label_kept(rows: Sequence[Row]) -> str:
    """Of first texts of the target's own class, over the rows that have it measured of an attack that works."""
    measured = [row for row in rows if row.get("attack_works") and "own_label_kept_cold" in row]
    return share(measured, "own_label_kept_cold", "n_test_shots") if measured else ""
