"""Runs the grid as the command does, and the victims that most of its tests are about."""

from scripts import run_grid
from scripts.lab.grid.cell import Victim

BADNETS = Victim("bert", "sst2", "badnets", 0)
PHRASE = "phrase_james_bond"


def run(options: list[str], *more: str) -> int:
    return run_grid.main([*options, *more])
