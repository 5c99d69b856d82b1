"""What `measure_speed` measures, cell by cell, as its options say."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from handler.xgraad import Calibration
from scripts.lab.cost.memory_growth import Growth, memory_growth
from scripts.lab.cost.pass_names import PLAIN
from scripts.lab.cost.passes import ComparedModels, texts_of_length
from scripts.lab.cost.peak_memory import Job, Peak, peak_memory
from scripts.lab.cost.reference_cost import ReferenceCost, reference_cost
from scripts.lab.cost.speed import Cost, SpeedCell, measure_cell
from scripts.results.provenance import attack_record

MEMORY_PASSES = (PLAIN, "scoring", "official")
GROWTH_PASSES = ("scoring", "verified")
GROWTH_TOKENS = 128


def costs_of(arguments: argparse.Namespace, calibration: Calibration, texts: Sequence[str]) -> list[Cost]:
    """All cells, the small ones first, each with its part of the time that is left."""
    models = ComparedModels(arguments.checkpoint, arguments.calibration, device=arguments.device)
    names = list(dict.fromkeys((PLAIN, *arguments.passes)))
    triggers = [" ".join(word) if isinstance(word, list) else word for word in _triggers(arguments.checkpoint)]
    cells = [SpeedCell(tokens, batch) for tokens in sorted(arguments.lengths) for batch in sorted(arguments.batches)]
    end, costs = time.monotonic() + arguments.seconds, []
    for index, cell in enumerate(tqdm(cells, unit="cell", desc="measure", disable=None)):
        now = time.monotonic()
        costs += measure_cell(
            models.passes(names),  # new ones each time: a rule remembers what words it has met in another cell
            cell,
            texts_of_length(texts, cell.tokens, models.encode),
            models=models,
            triggers=triggers,
            n_rounds=arguments.rounds,
            deadline=now + (end - now) * cell.tokens / sum(each.tokens for each in cells[index:]),
        )
    return costs


def _triggers(checkpoint: Path) -> list[Any]:
    """What the checkpoint's record says; none for a model that came from elsewhere, whose traffic is then all clean."""
    triggers: list[Any] = attack_record(checkpoint).get("triggers") or []
    return triggers


def peaks_of(arguments: argparse.Namespace, texts: Sequence[str]) -> list[Peak]:
    """Of the passes without the rules around them, at the greatest length."""
    longest = max(arguments.lengths)
    jobs = [
        _job(arguments, texts, name, SpeedCell(longest, batch))
        for batch in sorted(arguments.batches)
        for name in MEMORY_PASSES
    ]
    return [peak_memory(job) for job in tqdm(jobs, unit="peak", desc="memory", disable=None)]


def growths_of(arguments: argparse.Namespace, texts: Sequence[str]) -> list[Growth]:
    """Of the scoring pass and of the whole call, one short text at a time."""
    cell = SpeedCell(min(GROWTH_TOKENS, max(arguments.lengths)), 1)
    jobs = [_job(arguments, texts, name, cell) for name in GROWTH_PASSES]
    return [memory_growth(job, arguments.calls) for job in tqdm(jobs, unit="pass", desc="growth", disable=None)]


def reference_cost_of(arguments: argparse.Namespace) -> ReferenceCost:
    """Of the reference beside the calibration."""
    return reference_cost(_job(arguments, (), "reference", SpeedCell(min(arguments.lengths), 1)))


def _job(arguments: argparse.Namespace, texts: Sequence[str], name: str, cell: SpeedCell) -> Job:
    return Job(
        checkpoint=arguments.checkpoint,
        calibration=arguments.calibration,
        device=arguments.device,
        name=name,
        cell=cell,
        texts=tuple(texts[:1000]),
    )
