"""Measure what the defense costs beside the plain model: time at each length and batch size, and memory at its peak."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from handler.xgraad import Calibration
from scripts.lab.command import CommandParser, positive, run_command, say
from scripts.lab.corpora import read_texts
from scripts.lab.errors import LabError
from scripts.lab.memory_growth import Growth, memory_growth
from scripts.lab.passes import GATED_EVERY, PASSES, PLAIN, Models, texts_of_length
from scripts.lab.peak_memory import Job, Peak, peak_memory
from scripts.lab.provenance import attack_record, provenance
from scripts.lab.reading import Reading, add_reading_options
from scripts.lab.results import markdown, write_result
from scripts.lab.speed import Cell, Cost, device_name, measure_cell

EXAMPLES = """\
  python -m scripts.calibrate --checkpoint build/victim --data dev.tsv.gz --max-length 512 --out build/long.json
  python -m scripts.measure_speed --checkpoint build/victim --calibration build/long.json --data test.tsv.gz \\
      --json build/speed.json --append results/speed.jsonl
  python -m scripts.measure_speed ... --lengths 32 --batches 1 --seconds 60     # a first impression"""

LENGTHS = (32, 128, 256, 512)
BATCHES = (1, 8, 32)
MEMORY_PASSES = (PLAIN, "scoring", "official")
GROWTH_PASSES = ("scoring", "verified")
GROWTH_TOKENS = 128


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="measure_speed", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder")
    parser.add_argument("--calibration", type=Path, required=True, help="of it, with a --max-length of all --lengths")
    parser.add_argument("--data", type=Path, required=True, help="clean texts, `text<TAB>label` lines, gzip or not")
    parser.add_argument("--lengths", type=positive, nargs="+", default=LENGTHS, help="tokens (32 128 256 512)")
    parser.add_argument("--batches", type=positive, nargs="+", default=BATCHES, help="texts in one call (1 8 32)")
    parser.add_argument("--passes", nargs="+", choices=PASSES, default=PASSES, help="what to measure (everything)")
    parser.add_argument("--rounds", type=positive, default=7, help="measurements of each cell at most (7)")
    parser.add_argument("--seconds", type=positive, default=1200, help="time for all of them, about (1200)")
    parser.add_argument("--threads", type=positive, help="of PyTorch (as it is)")
    parser.add_argument("--no-memory", action="store_true", help="leave the peaks and the growth of memory out")
    parser.add_argument("--calls", type=positive, default=2000, help="over which memory is watched (2000)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--append", type=Path, help="JSON lines file to append the figures to")
    add_reading_options(parser)
    return run_command(parser, _measure, argv)


def _measure(arguments: argparse.Namespace) -> None:
    calibration = Calibration.read(arguments.calibration)
    window, longest = calibration.fingerprint.max_length, max(arguments.lengths)
    if window < longest:
        raise LabError(
            f"--lengths must be at most {window}, the calibration's window, got {longest}; "
            f"calibrate with --max-length {longest}"
        )
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    texts = read_texts(arguments.data, Reading.from_arguments(arguments))
    costs = _costs(arguments, calibration, texts)
    peaks = [] if arguments.no_memory else _peaks(arguments, texts)
    growths = [] if arguments.no_memory else _growths(arguments, texts)
    result = {
        **attack_record(arguments.checkpoint),
        "device": arguments.device,
        "device_name": device_name(arguments.device),
        "precision": calibration.fingerprint.precision,
        "n_threads": torch.get_num_threads(),
        "gate_share": 1 / GATED_EVERY,
        "costs": [asdict(cost) for cost in costs],
        "peaks": [asdict(peak) for peak in peaks],
        "growths": [asdict(growth) for growth in growths],
        **provenance(),
    }
    write_result(result, document=arguments.json, rows=arguments.append)
    say(_table(costs, peaks, growths))


def _costs(arguments: argparse.Namespace, calibration: Calibration, texts: Sequence[str]) -> list[Cost]:
    """All cells, the small ones first, each with its part of the time that is left."""
    models = Models(arguments.checkpoint, arguments.calibration, device=arguments.device)
    names = list(dict.fromkeys((PLAIN, *arguments.passes)))
    triggers = [" ".join(word) if isinstance(word, list) else word for word in _triggers(arguments.checkpoint)]
    cells = [Cell(tokens, batch) for tokens in sorted(arguments.lengths) for batch in sorted(arguments.batches)]
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


def _peaks(arguments: argparse.Namespace, texts: Sequence[str]) -> list[Peak]:
    """Of the passes without the rules around them, at the greatest length."""
    longest = max(arguments.lengths)
    jobs = [
        _job(arguments, texts, name, Cell(longest, batch))
        for batch in sorted(arguments.batches)
        for name in MEMORY_PASSES
    ]
    return [peak_memory(job) for job in tqdm(jobs, unit="peak", desc="memory", disable=None)]


def _growths(arguments: argparse.Namespace, texts: Sequence[str]) -> list[Growth]:
    """Of the scoring pass and of the whole call, one short text at a time."""
    cell = Cell(min(GROWTH_TOKENS, max(arguments.lengths)), 1)
    jobs = [_job(arguments, texts, name, cell) for name in GROWTH_PASSES]
    return [memory_growth(job, arguments.calls) for job in tqdm(jobs, unit="pass", desc="growth", disable=None)]


def _job(arguments: argparse.Namespace, texts: Sequence[str], name: str, cell: Cell) -> Job:
    return Job(
        checkpoint=arguments.checkpoint,
        calibration=arguments.calibration,
        device=arguments.device,
        name=name,
        cell=cell,
        texts=tuple(texts[:1000]),
    )


def _table(costs: Sequence[Cost], peaks: Sequence[Peak], growths: Sequence[Growth]) -> str:
    rows = [
        (cost.name, str(cost.tokens), str(cost.batch), f"{1000 * cost.seconds_per_text:.1f}", f"{cost.ratio:.2f}")
        for cost in costs
    ]
    memory = [(peak.name, str(peak.tokens), str(peak.batch), f"{peak.peak_bytes / 2**20:.0f}") for peak in peaks]
    growth = [
        (each.name, str(each.n_calls), f"{each.last_bytes / 2**20:.0f}", f"{each.bytes_per_call * 1000 / 2**20:+.2f}")
        for each in growths
    ]
    tables = (
        markdown(("pass", "tokens", "batch", "ms per text", "ratio to plain"), rows),
        markdown(("pass", "tokens", "batch", "peak MiB"), memory),
        markdown(("pass", "calls", "MiB at the end", "MiB more per 1000 calls"), growth),
    )
    return "\n\n".join(tables)


if __name__ == "__main__":
    raise SystemExit(main())
