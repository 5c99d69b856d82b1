"""The grid measures a defense again that reads with another language model, and nothing else for that."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts.console.errors import LabError
from scripts.lab.grid.cell import Cell, Victim
from scripts.lab.grid.grid_rows import ATTACK_FAILED, MEASURED
from scripts.lab.grid.runner import Grid
from scripts.results.rows import append_row

VICTIM = Victim("bert", "sst2", "badnets", 0)


def ran(folder: Path, language_model: str | None, defense: str) -> str:
    def train(_: Sequence[str]) -> int:
        raise LabError("a victim is trained")  # the first that is done for a cell without a row

    grid = Grid(
        train=train,
        calibrate=train,
        bases=folder,
        data=folder,
        work=folder / "work",
        rows=folder / "rows.jsonl",
        language_model=language_model,
    )
    return grid.run(VICTIM, [defense])


@pytest.mark.parametrize(
    ("row", "there", "missing"),
    [
        ({"defense": "onion", "status": MEASURED}, [None], ["gpt2"]),
        ({"defense": "onion_published", "status": MEASURED, "language_model": "gpt2"}, ["gpt2"], [None, "other"]),
        ({"defense": "onion", "status": ATTACK_FAILED}, [None, "gpt2"], []),
        ({"defense": "paper", "status": MEASURED}, [None, "gpt2"], []),
        ({"defense": "gone", "status": MEASURED}, [None, "gpt2"], []),
    ],
)
def test_a_row_counts_for_the_language_model_that_it_names(
    tmp_path: Path, row: dict[str, str], there: list[str | None], missing: list[str | None]
) -> None:
    append_row(tmp_path / "rows.jsonl", Cell(VICTIM, row["defense"]).key() | row)
    for name in there:
        assert ran(tmp_path, name, row["defense"]) == "there already"
    for name in missing:
        with pytest.raises(LabError, match="a victim is trained"):
            ran(tmp_path, name, row["defense"])
