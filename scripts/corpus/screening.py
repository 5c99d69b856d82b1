"""A corpus from its files to a folder of verdicts: pass after pass, until none finds a trigger that it did not know."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from handler.xgraad import Calibration
from handler.xgraad.learned.audit import Audit
from handler.xgraad.memory.registry import Trigger
from handler.xgraad.model.checkpoint import Checkpoint
from scripts.console.errors import LabError
from scripts.corpus.corpus_file import CorpusFile, examined
from scripts.corpus.corpus_registry import most_met
from scripts.corpus.manifest import CorpusSettings, Manifest, Shard, begin, manifest_of
from scripts.corpus.parts import FOLDER, PartNote, part_path, read_note, remove_unfinished
from scripts.corpus.pool import PoolOptions, screened, started
from scripts.corpus.screener import TRIES, Pass, Receipt
from scripts.corpus.tally import Tally
from scripts.texts.data_files import data_files

MOST_PASSES = 8
"""A pass that verifies nothing new is the last anyway; as many as the rule looks at one text."""
Watch = Callable[[Receipt], object]


@dataclass(frozen=True, kw_only=True)
class CorpusJob:
    """What is to be screened, by what, and where to."""

    data: tuple[Path, ...]
    checkpoint: Path
    calibration: Path
    out: Path
    settings: CorpusSettings


@dataclass(kw_only=True)
class PassRecord:
    """How a pass went; of a run that went on only what was left to do."""

    number: int
    n_known: int
    """Triggers that it knew from its first row on."""
    n_rows: int = 0
    """Of the shards that it worked on."""
    n_judged: int = 0
    seconds: float = 0.0
    """From the start of its workers to its last part."""
    judging_seconds: float = 0.0
    """Of the workers together, models already loaded."""
    load_seconds: list[float] = field(default_factory=list)
    """Of each model."""
    peak_mb: dict[int, float] = field(default_factory=dict)
    """Of each worker, by its process."""


@dataclass(frozen=True, kw_only=True)
class Screened:
    """What a run came to."""

    manifest: Manifest
    tally: Tally
    passes: list[PassRecord]
    known: tuple[Trigger, ...]
    """What the last pass knew."""
    met: Counter[Trigger]
    """What was verified without being known, in any pass, and how often."""
    plan_seconds: float
    """For the files to be read through once."""
    start_seconds: float
    """Until Ray was there."""
    note_seconds: float
    """For what is told of all parts to be read once."""


def screen_corpus(job: CorpusJob, options: PoolOptions, *, watch: Watch = lambda _: None) -> Screened:
    """Judge every row that has no verdict yet, and look again at those that hold what was found elsewhere.

    Args:
        job: what is to be done.
        options: who does it.
        watch: is told of each shard that is done.

    Raises:
        CheckpointError, CalibrationError, LabError: checkpoint, calibration or data cannot be used, the folder is
            another run's, or workers die of some rows.
    """
    _require_model(job)
    start = time.monotonic()
    manifest = manifest_of(
        _examined(job), checkpoint=job.checkpoint, calibration=job.calibration, settings=job.settings
    )
    plan_seconds = time.monotonic() - start
    begin(job.out, manifest)
    _prepare(job.out)
    audit = Audit.read(job.checkpoint)
    certain = audit.for_registry() if audit else []
    known: tuple[Trigger, ...] = ()
    passes, start = [], time.monotonic()
    with started(options):
        start_seconds = time.monotonic() - start
        for number in range(1, MOST_PASSES + 1):
            task = Pass(
                out=job.out.absolute(),
                manifest=manifest,
                checkpoint=job.checkpoint.absolute(),
                calibration=job.calibration.absolute(),
                device=options.device,
                number=number,
                known=known,
            )
            passes.append(_run(task, options, watch))
            met = _met(job.out, manifest, number)
            following = tuple(most_met(met, certain))
            if set(following) == set(known):
                break
            known = following
    start = time.monotonic()
    tally = _tally(job.out, manifest)
    return Screened(
        manifest=manifest,
        tally=tally,
        passes=passes,
        known=task.known,
        met=met,
        plan_seconds=plan_seconds,
        start_seconds=start_seconds,
        note_seconds=time.monotonic() - start,
    )


def _require_model(job: CorpusJob) -> None:
    """Refuse in this process what every worker would refuse."""
    calibration = Calibration.read(job.calibration)
    fitted = calibration.fingerprint
    fitted.require(Checkpoint.open(job.checkpoint).fingerprint(**fitted.conditions()), what=str(job.calibration))
    if fitted.takes_pairs != (job.settings.reading.pair_column is not None):
        rule = "must be given: this model judges pairs" if fitted.takes_pairs else "must be left out: it judges texts"
        raise LabError(f"--pair-column {rule}, as its calibration says")


def _examined(job: CorpusJob) -> tuple[CorpusFile, ...]:
    paths = [path.absolute() for given in job.data for path in data_files(given)]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice:
        raise LabError(f"--data: must name each file once, names {twice} twice")
    size = sum(path.stat().st_size for path in paths)
    with tqdm(total=size, unit="B", unit_scale=True, desc="files", disable=None) as bar:
        settings = job.settings
        return tuple(
            examined(path, settings.reading, shard_rows=settings.shard_rows, progress=bar.update) for path in paths
        )


def _prepare(out: Path) -> None:
    """The folders, and nothing in them that another run has not ended."""
    for name in (FOLDER, TRIES):
        (out / name).mkdir(exist_ok=True)
    for path in (out / TRIES).iterdir():
        path.unlink()
    remove_unfinished(out)


def _run(task: Pass, options: PoolOptions, watch: Watch) -> PassRecord:
    """Do what is left of a pass."""
    left = [shard for shard, note in _notes(task.out, task.manifest) if note is None or note.number < task.number]
    record, start = PassRecord(number=task.number, n_known=len(task.known)), time.monotonic()
    if not left:
        return record
    with _bar(task, left) as bar:
        for receipt in screened(task, [shard.number for shard in left], options):
            if receipt.fault:
                raise LabError(receipt.fault)
            record.n_rows += receipt.n_rows
            record.n_judged += receipt.n_judged
            record.judging_seconds += receipt.seconds
            record.load_seconds += [receipt.load_seconds] if receipt.load_seconds else []
            record.peak_mb[receipt.pid] = max(receipt.peak_mb, record.peak_mb.get(receipt.pid, 0.0))
            bar.update(receipt.n_rows)
            watch(receipt)
    record.seconds = time.monotonic() - start
    return record


@contextmanager
def _bar(task: Pass, left: Sequence[Shard]) -> Iterator[Any]:
    total, n_left = task.manifest.n_rows, sum(shard.n_rows for shard in left)
    with tqdm(
        total=total, initial=total - n_left, unit="text", desc=f"pass {task.number}", disable=None, smoothing=0.05
    ) as bar:
        yield bar


def _notes(out: Path, manifest: Manifest) -> Iterator[tuple[Shard, PartNote | None]]:
    shards = map(manifest.shard, range(manifest.n_shards))
    return ((shard, read_note(part_path(out, shard.number))) for shard in shards)


def _met(out: Path, manifest: Manifest, number: int) -> Counter[Trigger]:
    """What the passes up to a number verified, the same whichever of the parts a later one has made anew."""
    found: Counter[Trigger] = Counter()
    for _, note in _notes(out, manifest):
        for each, counts in (note.met if note else {}).items():
            if each <= number:
                found.update(counts)
    return found


def _tally(out: Path, manifest: Manifest) -> Tally:
    total = Tally()
    for _, note in _notes(out, manifest):
        if note:
            total.add(note.tally)
    return total
