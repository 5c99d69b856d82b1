"""Many victims in small recipes, each asked whether it may serve: what the scan is worth."""

import json
from dataclasses import dataclass

from scripts.console.command import Command, Exit, run_step
from scripts.lab.evaluation.evaluation import MIN_UNDEFENDED_ASR
from scripts.lab.grid.cell import Victim
from scripts.lab.grid.grid_rows import ATTACK_FAILED, NO_ATTACK
from scripts.lab.grid.recipes import recipe_for
from scripts.lab.grid.rewritten_sets import REWRITTEN_SETS
from scripts.lab.grid.runner import Grid
from scripts.results.provenance import RUN_RECORD
from scripts.results.rows import read_rows
from scripts.texts.corpora import split_file

VERDICTS = (Exit.DONE, Exit.BELOW_TARGET, Exit.INCONCLUSIVE)
SCREENING = "bfloat16"
"""Precision of the longest stage of a scan."""


@dataclass(frozen=True, kw_only=True)
class ScanGrid:
    """Trains victims as the grid does, and scans them; the rows are the scan's."""

    grid: Grid
    scan: Command
    """`scan_model`."""

    def run(self, victim: Victim) -> str:
        """Do what is missing, and say what happened in a few words.

        Raises:
            LabError: a step failed.
        """
        with self.grid.claimed(victim) as is_mine:
            if not is_mine:
                return "in work elsewhere"
            if any(row.get("model") == victim.name for row in read_rows(self.grid.rows)):
                return "there already"
            self.grid.train_victim(victim)
            if self._has_failed(victim):
                return ATTACK_FAILED
            self._scan(victim)
            return "scanned"

    def _has_failed(self, victim: Victim) -> bool:
        """Whether there is no backdoor to be found; published sets are what they are."""
        if victim.attack == NO_ATTACK or (victim.dataset, victim.attack) in REWRITTEN_SETS:
            return False
        figures = json.loads((self.grid.folder(victim) / RUN_RECORD).read_text(encoding="utf-8"))["results"]
        return float(figures.get("asr_right_when_clean", figures["asr"])) < MIN_UNDEFENDED_ASR

    def _scan(self, victim: Victim) -> None:
        run_step(
            self.scan,
            VERDICTS,
            checkpoint=self.grid.folder(victim),
            data=split_file(self.grid.data / victim.dataset, "dev"),
            max_length=recipe_for(victim, self.grid.precision)["max_length"],
            limit=self.grid.n_calibration,
            device=self.grid.device,
            screening=SCREENING,
            append=self.grid.rows,
        )
