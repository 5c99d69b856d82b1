"""Do windows of other texts alarm, and what are calibrations worth on them, as a table."""

from pathlib import Path

from scripts.results.rows import Row, markdown, read_rows
from scripts.results.shares import interval_of, share

GATES = ("stale", "pooled", "own", "nearest")
"""What a text is held against: clean texts of the calibrated domain, of all together, of its own, of the nearest."""


def drift_table(results: Path) -> str:
    """The last row of each data set that was held against the calibration of each model."""
    latest = {
        (row.get("attack"), row["calibrated_on"], row["domain"], row["measured"]): row
        for row in read_rows(results / "drift.jsonl")
    }
    header = ("calibrated on", "texts", "windows", "of them alarms", "distance over threshold", "AUROC")
    rows = [
        (
            row["calibrated_on"],
            _texts(row),
            str(row.get("n_windows", "")),
            share([row], "alarm_share", "n_windows") if row.get("n_windows") else "",
            f"{row['ratio_median']:.2f}" if "ratio_median" in row else "",
            _area(row),
            *(share([row], f"flagged_{gate}", "n_texts") if f"flagged_{gate}" in row else "" for gate in GATES),
        )
        for row in latest.values()
    ]
    return markdown((*header, *(f"flagged, {gate}" for gate in GATES)), rows)


def _texts(row: Row) -> str:
    if row["measured"] == "false alarms":
        return f"{row['domain']}, {row['n_splits']} calibrations"
    return f"{row['domain']}, attacked" if row["measured"] == "attacked" else f"{row['domain']}, clean"


def _area(row: Row) -> str:
    bounds = interval_of(row, "auroc", "n_windows") if "auroc" in row else None
    return f"{row['auroc']:.3f} ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""
