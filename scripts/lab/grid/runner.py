"""One victim after another: train it, calibrate it, and measure it behind each defense."""

import fcntl
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from scripts.console.command import Command, run_step
from scripts.lab.defenses import DEFENSES
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.judges.languages import TRIGRAMS, language_name
from scripts.lab.defenses.measured import measure_defense
from scripts.lab.evaluation.evaluation import MIN_UNDEFENDED_ASR
from scripts.lab.grid.cell import Cell, Victim, missing_defenses
from scripts.lab.grid.grid_rows import ATTACK_FAILED, MEASURED, NO_ATTACK
from scripts.lab.grid.recipes import recipe_for
from scripts.lab.grid.rewritten_sets import REWRITTEN_SETS
from scripts.lab.grid.victim_texts import victim_texts
from scripts.lab.training.triggers import USUAL_INSERTION
from scripts.lab.training.undefended import attack_floor, measure_undefended
from scripts.lab.training.victim import load_base, predict_labels
from scripts.results.provenance import RUN_RECORD, attack_record, provenance
from scripts.results.rows import Row, append_row, read_rows
from scripts.texts.corpora import Example, TriggeredExample, split_file


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Where things are and how much is measured; rows are added as soon as they are known."""

    train: Command
    """`train_attack`."""
    calibrate: Command
    """`calibrate`."""
    bases: Path
    """Folder with a base for each architecture, named after it."""
    data: Path
    """Folder with a data set each, and `poisoned` with the published rewritten ones."""
    work: Path
    """Where checkpoints and calibrations are kept."""
    rows: Path
    """JSON lines file, a row per cell."""
    device: str = "cpu"
    precision: str = "float32"
    """Of training."""
    language_model: str | None = None
    """For defenses that read with one; None for the one they learn."""
    n_training: int | None = None
    """Texts that victims learn from, at most; None for what the recipe says."""
    n_clean: int | None = None
    """The first so many test texts; None for all."""
    n_triggered: int | None = None
    """The first so many attacked ones of these."""
    n_calibration: int | None = None
    name: str = field(default_factory=lambda: uuid4().hex)
    """Of this run: costs compare only between rows of one, which one process measured one after the other."""

    def run(self, victim: Victim, defenses: Sequence[str], insertions: Sequence[str] = (USUAL_INSERTION,)) -> str:
        """Do what is missing of a victim's cells, and say what happened in a few words.

        Raises:
            LabError: a step failed.
        """
        with self.claimed(victim) as is_mine:
            if not is_mine:
                return "in work elsewhere"
            rows = [row for row in read_rows(self.rows) if self._is_alike(row)]
            missing = {name: missing_defenses(victim, defenses, rows, name) for name in insertions}
            missing = {name: of_insertion for name, of_insertion in missing.items() if of_insertion}
            if not missing:
                return "there already"
            self.train_victim(victim)
            done = [self._measure(victim, of_insertion, name) for name, of_insertion in missing.items()]
            return "; ".join(dict.fromkeys(done))

    def _is_alike(self, row: Row) -> bool:
        """Whether a row is one that would be written here: a defense that reads is another with another language model.

        Rows of the time when there was only one do not name it.
        """
        parts = DEFENSES.get(row.get("defense", ""))
        if parts is None or not parts.reads or row.get("status") != MEASURED:
            return True
        return row.get("language_model", TRIGRAMS) == language_name(self.language_model)

    def _measure(self, victim: Victim, defenses: Sequence[str], insertion: str) -> str:
        """Add a row for each defense, and say what came of it."""
        folder = self.folder(victim)
        texts = victim_texts(
            victim, folder, self.data, insertion=insertion, n_clean=self.n_clean, n_triggered=self.n_triggered
        )
        undefended = self._undefended(victim, texts.clean, texts.triggered)
        is_made_here = victim.attack != NO_ATTACK and (victim.dataset, victim.attack) not in REWRITTEN_SETS
        if is_made_here and undefended["asr_undefended"] < MIN_UNDEFENDED_ASR:
            for name in defenses:
                self._append(Cell(victim, name, insertion), {"status": ATTACK_FAILED, **undefended})
            return f"{ATTACK_FAILED}: ASR {undefended['asr_undefended']:.3f}"
        for name in defenses:
            material = self._material(victim, name)
            figures = measure_defense(name, material, **texts._asdict(), target_label=_target(folder))
            self._append(Cell(victim, name, insertion), {"status": MEASURED, **undefended, **figures})
        return MEASURED

    def folder(self, victim: Victim) -> Path:
        """Of its checkpoint."""
        return self.work / "victims" / victim.name

    @contextmanager
    def claimed(self, victim: Victim) -> Iterator[bool]:
        """Keep other processes from the same victim; the claim ends with the process, however that ends."""
        folder = self.work / "claims"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / victim.name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def train_victim(self, victim: Victim) -> None:
        """Train it, where nobody has yet.

        Raises:
            LabError: it failed.
        """
        folder = self.folder(victim)
        if (folder / RUN_RECORD).is_file():
            return
        published = REWRITTEN_SETS.get((victim.dataset, victim.attack))
        options: dict[str, object] = {
            "attack": victim.method,
            "base": self.bases / victim.architecture,
            "data": self.data / victim.dataset,
            "seed": victim.seed,
            "device": "cuda" if self.device.startswith("cuda") else "cpu",
            "test_limit": self.n_clean,
            "target_label": victim.target,
            "train": published.file(self.data, "train") if published else None,
            **recipe_for(victim, self.precision, n_training=self.n_training),
            "out": folder,
        }
        if "texts" in options:
            options["texts"] = split_file(self.data / str(options["texts"]), "train")
        run_step(self.train, **options)

    def _calibrate(self, victim: Victim, defense: str, checkpoint: Path, out: Path) -> None:
        """Calibrate the victim, or what was made of it."""
        options: dict[str, object] = {
            "checkpoint": checkpoint,
            "data": split_file(self.data / victim.dataset, "dev"),
            "max_length": recipe_for(victim, self.precision)["max_length"],
            "limit": self.n_calibration,
            "device": self.device,
            "trusted_base": self.bases / victim.architecture if DEFENSES[defense].refers else None,
            "training_precision": recipe_for(victim, self.precision)["precision"],
            "out": out,
        }
        run_step(self.calibrate, **options)

    def _calibration(self, victim: Victim, defense: str) -> Path:
        """Of the victim; those with a reference have a name of their own."""
        name = f"{victim.name}-referred" if DEFENSES[defense].refers else victim.name
        return self.work / "calibrations" / f"{name}.json"

    def _undefended(
        self, victim: Victim, clean: Sequence[Example], triggered: Sequence[TriggeredExample]
    ) -> dict[str, Any]:
        """What the victim does, named as behind a defense; where its clean model is there, the floor of the attack.

        ASR is over attacked texts whose clean twin the model has right, `n_scored` of them; over all where twins are
        unknown.
        """
        folder, floor = self.folder(victim), self.folder(victim._replace(attack=NO_ATTACK, target=None))
        target = _target(folder)
        settings: dict[str, Any] = {
            "max_length": recipe_for(victim, self.precision)["max_length"],
            "device": self.device,
        }
        n_labels = 1 + max(example.label for example in clean)
        found = measure_undefended(
            *load_base(folder, n_labels=n_labels), clean=clean, triggered=triggered, target_label=target, **settings
        )
        figures: dict[str, Any] = {
            "target_label": target,
            "cacc_undefended": found["cacc"],
            "asr_undefended": found.get("asr_right_when_clean", found["asr"]),
            "n_scored": found.get("n_right_when_clean", len(triggered)),
            "training_s": json.loads((folder / RUN_RECORD).read_text())["results"]["training_s"],
        }
        if victim.attack != NO_ATTACK and (floor / RUN_RECORD).is_file():
            clean_model = partial(predict_labels, *load_base(floor, n_labels=n_labels), **settings)
            figures |= attack_floor(clean_model, triggered, target_label=target)
        return figures

    def _material(self, victim: Victim, defense: str) -> Material:
        """What a defender of the victim has: its dev texts, and the base as the trusted one."""
        return Material(
            checkpoint=self.folder(victim),
            calibration=self._calibration(victim, defense),
            calibrate=partial(self._calibrate, victim, defense),
            work=self.work / "defenses" / victim.name,
            clean=split_file(self.data / victim.dataset, "dev"),
            n_clean=self.n_calibration,
            more=split_file(self.data / victim.dataset, "train"),
            max_length=int(recipe_for(victim, self.precision)["max_length"]),
            seed=victim.seed,
            trusted_base=str(self.bases / victim.architecture),
            language_model=self.language_model,
            device=self.device,
            precision=self.precision,
        )

    def _append(self, cell: Cell, figures: dict[str, Any]) -> None:
        planted = attack_record(self.folder(cell.victim))
        row = {
            **cell.key(),
            "base": planted.pop("base"),
            "planted": planted,
            "recipe": recipe_for(cell.victim, self.precision),
            **figures,
            "run": self.name,
            **provenance(),
        }
        append_row(self.rows, row)


def _target(folder: Path) -> int:
    return int(attack_record(folder)["target_label"])
