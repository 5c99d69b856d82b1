"""Results as JSON lines: one row per run, appended by the command that measured it, read by whatever draws tables."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.console.errors import LabError

Row = Mapping[str, Any]


def append_row(path: Path, row: Row) -> None:
    """Add one row to a file, which is made where needed; NaN and infinity are bugs, never results."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row, allow_nan=False) + "\n")


def write_result(result: Row, *, document: Path | None, rows: Path | None) -> None:
    """Keep a result wherever the options of its command say: as a document of its own, as a row of a file, or both."""
    if rows:
        append_row(rows, result)
    if document:
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_rows(path: Path) -> list[Row]:
    """Rows of a file, none where it does not exist yet.

    Raises:
        LabError: a line is no JSON.
    """
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []
    except (ValueError, RecursionError) as error:
        raise LabError(f"{path}: must hold one JSON object on each line: {error}; mend or remove it") from error


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def spread(rows: Sequence[Row], figure: str | Callable[[Row], float], *, digits: int = 3, sign: str = "") -> str:
    """The mean and, where they differ, the range of a figure over rows; nothing where there is no row."""
    values = [figure(row) if callable(figure) else float(row[figure]) for row in rows]
    if not values:
        return ""
    mean = f"{sum(values) / len(values):{sign}.{digits}f}"
    low, high = (f"{bound(values):{sign}.{digits}f}" for bound in (min, max))
    return mean if low == high else f"{mean} ({low} to {high})"


def is_cold_first(row: Row) -> bool:
    """Whether a row tells what a first text meets; rows of older rules do not, and stay out of tables."""
    return "asr_cold" in row
