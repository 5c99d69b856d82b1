"""Measure what the defense costs beside the plain model: time at each length and batch size, memory, the reference."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.console.command import CommandParser, positive, run_command, say
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.lab.cost.pass_names import PASSES
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import markdown, write_result
from scripts.texts.corpora import read_texts
from scripts.texts.reading import ReadingOptions, add_reading_options

if TYPE_CHECKING:
    from scripts.lab.cost.memory_growth import Growth
    from scripts.lab.cost.peak_memory import Peak
    from scripts.lab.cost.speed import Cost

EXAMPLES = """\
  python -m scripts.calibrate --checkpoint build/victim --data dev.tsv.gz --max-length 512 --out build/long.json
  python -m scripts.measure_speed --checkpoint build/victim --calibration build/long.json --data test.tsv.gz \\
      --json build/speed.json --append results/speed.jsonl
  python -m scripts.measure_speed ... --lengths 32 --batches 1 --seconds 60     # a first impression"""

LENGTHS = (32, 128, 256, 512)
BATCHES = (1, 8, 32)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="measure_speed", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--calibration", type=Path, required=True, help="of it, with a --max-length of all --lengths")
    parser.add_argument("--data", type=Path, required=True, help="clean texts: see below")
    parser.add_argument("--lengths", type=positive, nargs="+", default=LENGTHS, help="tokens (32 128 256 512)")
    parser.add_argument("--batches", type=positive, nargs="+", default=BATCHES, help="texts in one call (1 8 32)")
    parser.add_argument("--passes", nargs="+", choices=PASSES, default=PASSES, help="what to measure (everything)")
    parser.add_argument("--rounds", type=positive, default=7, help="measurements of each cell at most (7)")
    parser.add_argument("--seconds", type=positive, default=1200, help="time for all of them, about (1200)")
    parser.add_argument("--threads", type=positive, help="of PyTorch (as it is)")
    parser.add_argument(
        "--no-memory", action="store_true", help="leave out peaks and growth of memory, and the reference"
    )
    parser.add_argument("--calls", type=positive, default=2000, help="over which memory is watched (2000)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (cpu)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--append", type=Path, help="JSON lines file to append the figures to")
    add_reading_options(parser)
    return run_command(parser, with_models(_measure, "checkpoint"), argv)


def _measure(arguments: argparse.Namespace) -> None:
    import torch

    from handler.xgraad import Calibration
    from scripts.lab.cost.passes import GATED_EVERY
    from scripts.lab.cost.reference_cost import ReferenceCost
    from scripts.lab.cost.speed import device_name
    from scripts.lab.cost.speed_run import costs_of, growths_of, peaks_of, reference_cost_of

    calibration = Calibration.read(arguments.calibration)
    window, longest = calibration.fingerprint.max_length, max(arguments.lengths)
    if window < longest:
        raise LabError(
            f"--lengths must be at most {window}, the calibration's window, got {longest}; "
            f"calibrate with --max-length {longest}"
        )
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    texts = read_texts(arguments.data, ReadingOptions.from_arguments(arguments))
    costs = costs_of(arguments, calibration, texts)
    peaks = [] if arguments.no_memory else peaks_of(arguments, texts)
    growths = [] if arguments.no_memory else growths_of(arguments, texts)
    reference = ReferenceCost() if arguments.no_memory else reference_cost_of(arguments)
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
        **reference._asdict(),
        **provenance(),
    }
    write_result(result, document=arguments.json, rows=arguments.append)
    say(_table(costs, peaks, growths))
    if reference.reference_mb is not None:
        say(f"\nreference: {reference.reference_load_s:.2f} s to load, {reference.reference_mb:.0f} MB")


def _table(costs: "Sequence[Cost]", peaks: "Sequence[Peak]", growths: "Sequence[Growth]") -> str:
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
