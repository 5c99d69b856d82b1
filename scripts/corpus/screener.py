"""What a worker does: it takes a shard's number, judges its rows, and writes the shard's part."""

import math
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handler.hooks.wall import tried
from handler.worker.device_loss import DeviceLostError, end_worker, require_device
from handler.xgraad import Defense, Verdict
from handler.xgraad.errors import XGraadError
from handler.xgraad.memory.registry import Trigger
from scripts.console.errors import LabError
from scripts.corpus.corpus_registry import CorpusRegistry
from scripts.corpus.held_memory import peak_bytes
from scripts.corpus.judged_rows import RowPlace, error_row, table_of, verdict_row
from scripts.corpus.manifest import Manifest, Shard
from scripts.corpus.parts import PartNote, part_path, read_note, read_rows_of, write_part
from scripts.corpus.row import CorpusRow
from scripts.corpus.tally import tallied

BATCH = 64
"""Texts judged together."""
MOST_TRIES = 3
"""Of a shard in one pass: whatever kills a worker each time must not do so for ever."""
TRIES = "tries"


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What all workers of a pass are given."""

    out: Path
    manifest: Manifest
    checkpoint: Path
    calibration: Path
    device: str
    number: int
    """From 1 up. The first judges all rows and knows nothing, the later ones those that hold what is known."""
    known: tuple[Trigger, ...] = ()


class Receipt(NamedTuple):
    """What a worker tells of a shard."""

    shard: int
    n_rows: int
    n_judged: int
    seconds: float
    """Without loading the model."""
    load_seconds: float
    """Of the model, where it was loaded for this shard; else 0."""
    peak_mb: float
    """The most memory that the worker has held so far."""
    pid: int
    fault: str
    """Why the run cannot go on; empty where it can."""


class Screener:
    """Judges shards; the model is loaded with the first one.

    Args:
        task: the pass.
    """

    def __init__(self, task: Pass) -> None:
        self._task = task
        self._registry = CorpusRegistry(task.known)
        self._met: Counter[Trigger] = Counter()
        """What was verified in the shard at hand."""
        self._load_seconds = 0.0

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, list[Any]]:
        """Receipts for the shards whose numbers are in `batch`, as Ray Data passes them."""
        receipts = [self._receipt(self._task.manifest.shard(number)) for number in batch["shard"].tolist()]
        return {name: [getattr(receipt, name) for receipt in receipts] for name in Receipt._fields}

    def screen(self, shard: Shard) -> int:
        """Judge a shard and write its part; returns how many rows were judged.

        Raises:
            XGraadError, LabError: the model cannot be loaded, or the rows are not those of the manifest.
        """
        path = part_path(self._task.out, shard.number)
        note = read_note(path)
        if note and note.number >= self._task.number:
            return 0
        self._met = Counter()
        given, places = self._given(shard)
        old = read_rows_of(path) if note else None
        rows, n_judged = self._again(given, places, old) if old else self._first(given, places)
        met = (note.met if note else {}) | {self._task.number: self._met}
        tally = tallied(rows, [row.text for row in given], self._task.known)
        keep_text = self._task.manifest.settings.keep_text
        write_part(path, table_of(rows, keep_text=keep_text), PartNote(number=self._task.number, tally=tally, met=met))
        return n_judged

    def _receipt(self, shard: Shard) -> Receipt:
        start, self._load_seconds, n_judged, fault = time.monotonic(), 0.0, 0, ""
        try:
            with _Tries(self._task, shard):
                n_judged = self.screen(shard)
        except DeviceLostError as error:
            end_worker(error)
        except (XGraadError, LabError, OSError) as error:
            fault = str(error)
        return Receipt(
            shard=shard.number,
            n_rows=shard.n_rows,
            n_judged=n_judged,
            seconds=time.monotonic() - start - self._load_seconds,
            load_seconds=self._load_seconds,
            peak_mb=peak_bytes() / 2**20,
            pid=os.getpid(),
            fault=fault,
        )

    @cached_property
    def _defense(self) -> Defense:
        start = time.monotonic()
        defense = Defense.load(
            self._task.checkpoint, self._task.device, calibration=self._task.calibration, registry=self._registry
        )
        self._load_seconds = time.monotonic() - start
        return defense

    def _given(self, shard: Shard) -> tuple[list[CorpusRow], list[RowPlace]]:
        file, settings = self._task.manifest.files[shard.file], self._task.manifest.settings
        found = file.rows(
            shard.first, shard.n_rows, shard.start, max_chars=settings.max_chars, reading=settings.reading
        )
        given = list(found)
        if len(given) != shard.n_rows:
            raise LabError(f"{file.path}: must have {file.n_rows} rows as it had, has fewer; give back what it was")
        return given, [RowPlace(file.path, shard.first + index) for index in range(shard.n_rows)]

    def _first(self, given: Sequence[CorpusRow], places: Sequence[RowPlace]) -> tuple[list[dict[str, Any]], int]:
        """A row for each."""
        rows = self._judged({place: row.text for place, row in zip(places, given, strict=True) if row.text is not None})
        faults = {
            place: error_row(place, row.fault, self._task.number)
            for place, row in zip(places, given, strict=True)
            if row.fault is not None
        }
        return [faults.get(place) or rows[place] for place in places], len(rows)

    def _again(
        self, given: Sequence[CorpusRow], places: Sequence[RowPlace], old: Sequence[dict[str, Any]]
    ) -> tuple[list[dict[str, Any]], int]:
        """The rows of the pass before, with those replaced that hold a known trigger and were not freed of it.

        Whoever loads the model forgets what its reference explains, so that comes first, whatever the shard holds.
        """
        require_device(self._defense.classifier.device)
        wanted = {
            place: row.text
            for place, row, judged in zip(places, given, old, strict=True)
            if row.text is not None
            and judged["error"] is None
            and self._registry.left_in(
                row.text, judged["undefended_label_id"], [suspect["word"] for suspect in judged["suspects"]]
            )
        }
        new = self._judged(wanted)
        return [new.get(place) or judged for place, judged in zip(places, old, strict=True)], len(new)

    def _judged(self, texts: dict[RowPlace, str]) -> dict[RowPlace, dict[str, Any]]:
        """A row for each text: together, and where that fails one by one, so that a text costs no other its verdict."""
        found = {}
        items = list(texts.items())
        for some in (items[start : start + BATCH] for start in range(0, len(items), BATCH)):
            together = self._verdicts([text for _, text in some])
            for index, (place, text) in enumerate(some):
                verdict = together[index] if together else self._alone(text)
                found[place] = (
                    verdict_row(place, text, verdict, self._task.number)
                    if verdict
                    else error_row(place, "text must be one that can be judged, judging it failed", self._task.number)
                )
        return found

    def _alone(self, text: str) -> Verdict | None:
        require_device(self._defense.classifier.device)
        found = self._verdicts([text])
        return found[0] if found else None

    def _verdicts(self, texts: Sequence[str]) -> list[Verdict] | None:
        defense = self._defense  # what is wrong with the model is no fault of a text
        found = tried(lambda: defense(texts), f"{len(texts)} texts of a corpus")
        met = self._registry.take_met()
        if found is None or not all(math.isfinite(each.p_value) and math.isfinite(each.score) for each in found):
            return None
        self._met.update(met)
        return found


class _Tries:
    """Counts on the disk how often a shard was begun and not ended, because whoever died cannot tell.

    Raises:
        LabError: too often; names the rows.
    """

    def __init__(self, task: Pass, shard: Shard) -> None:
        self._path = task.out / TRIES / f"{shard.number}"
        self._rows = f"{task.manifest.files[shard.file].path}, rows {shard.first} to {shard.first + shard.n_rows - 1}"

    def __enter__(self) -> None:
        with self._path.open("ab") as file:
            file.write(b".")
        if self._path.stat().st_size > MOST_TRIES:
            self._path.unlink()
            raise LabError(
                f"{self._rows}: a worker must live through them, {MOST_TRIES} died; give workers more memory, or "
                "leave the rows out"
            )

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
