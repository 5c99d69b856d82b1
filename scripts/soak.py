"""Keep a live TorchServe at full load for minutes, compare every answer with the Python API, and watch its memory."""

import argparse
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from scripts.console.command import CommandParser, Exit, positive, run_command, say
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import write_result
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from scripts.texts.corpora import read_texts, read_triggered
from scripts.texts.reading import ReadingOptions, add_reading_options

if TYPE_CHECKING:
    from scripts.serving.running_server import RunningServer

EXAMPLES = """\
  python -m scripts.soak --checkpoint build/victim --calibration build/calibration.json --data test.tsv.gz \\
      --triggered build/victim/triggered.tsv.gz --seconds 600 --append results/soak.jsonl
  python -m scripts.soak ... --seconds 60 --max-growth 5      # exit code 1 when memory grows faster, MiB a minute"""

MODEL = "soaked"


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="soak", description=__doc__ or "", examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--data", type=Path, required=True, help="clean texts: see below")
    parser.add_argument("--triggered", type=Path, help="attacked texts to mix in; a third column is the clean twin")
    parser.add_argument("--limit", type=positive, default=500, help="use only the first N texts of each file (500)")
    parser.add_argument("--seconds", type=positive, default=600, help="of load (600)")
    parser.add_argument("--every", type=positive, default=1, help="seconds between looks at the memory (1)")
    parser.add_argument("--clients", type=positive, default=32, help="at once (32)")
    parser.add_argument("--workers", type=positive, default=2, help="of the model (2)")
    parser.add_argument("--batch-size", type=positive, default=8, help="requests (8)")
    parser.add_argument("--max-batch-delay", type=positive, default=5, help="ms to wait for a batch (5)")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="where workers run (cpu)")
    parser.add_argument("--seed", type=int, default=0, help="of the order of texts (0)")
    parser.add_argument("--max-growth", type=float, default=2.0, help="MiB a minute of all workers that still pass (2)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--append", type=Path, help="JSON lines file to append the figures to")
    add_reading_options(parser)
    return run_command(parser, with_models(_soak, "checkpoint"), argv)


def _soak(arguments: argparse.Namespace) -> Exit:
    with TemporaryDirectory(prefix="xgraad-soak-") as temporary:
        figures = _figures(arguments, Path(temporary))
    result = {
        **attack_record(arguments.checkpoint),
        **{name: getattr(arguments, name) for name in ("device", "workers", "batch_size", "max_batch_delay", "seed")},
        **figures,
        "n_cores": os.cpu_count(),
        **provenance(),
    }
    write_result(result, document=arguments.json, rows=arguments.append)
    _show(result)
    failed = result["n_wrong"] or result["n_errors"] or result["n_restarts"]
    return Exit.BELOW_TARGET if failed or result["mib_per_minute"] > arguments.max_growth else Exit.DONE


def _figures(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Serve, put the load on, and say what was seen."""
    from handler.xgraad import Calibration, Defense, SqliteRegistry
    from scripts.lab.cost.load import LoadLimits, crowd, summary
    from scripts.lab.cost.soak import compared_with, curve, growth, n_restarts, settled_verdicts, watch

    texts, n_triggered = _texts(arguments)
    registry_file = folder / "triggers.sqlite"
    weights = Calibration.read(arguments.calibration).fingerprint.weights
    registry = SqliteRegistry(registry_file, checkpoint=weights)
    defense = Defense.load(arguments.checkpoint, calibration=arguments.calibration, registry=registry)
    verdicts = settled_verdicts(defense, texts)
    registry.close()
    limits = LoadLimits(seconds=arguments.seconds, n_requests=10**9)
    with _served(arguments, folder, registry_file) as server:
        is_right = compared_with(verdicts)
        with crowd(server, MODEL, texts, n_clients=arguments.clients, limits=limits, is_right=is_right) as found:
            samples = watch(server, found, seconds=arguments.seconds, every_s=arguments.every)
        load = summary(MODEL, found.seen, n_clients=arguments.clients, seconds=found.seen[-1].end - found.seen[0].start)
    return {
        "rule": defense.rule,
        "n_texts": len(texts),
        "n_triggered": n_triggered,
        "n_verified": sum(verdict.verified for verdict in verdicts.values()),
        **{name: value for name, value in asdict(load).items() if name != "model"},
        "n_wrong": found.n_wrong,
        "errors": dict(found.errors),
        "n_restarts": n_restarts(samples),
        "n_samples": len(samples),
        **asdict(growth(samples)),
        "curve": curve(samples),
    }


def _texts(arguments: argparse.Namespace) -> tuple[list[str], int]:
    """Clean and attacked texts in a random order, each once; and how many of them are attacked."""
    import numpy as np

    reading = ReadingOptions.from_arguments(arguments)
    clean = set(read_texts(arguments.data, reading)[: arguments.limit])
    attacked = read_triggered(arguments.triggered, reading)[: arguments.limit] if arguments.triggered else []
    triggered = {example.text for example in attacked} - clean
    texts = sorted(clean | triggered)
    if not texts:
        raise LabError(f"{arguments.data} must hold at least one text")
    order = np.random.default_rng(arguments.seed).permutation(len(texts))
    return [texts[index] for index in order], len(triggered)


@contextmanager
def _served(arguments: argparse.Namespace, folder: Path, registry_file: Path) -> "Iterator[RunningServer]":
    """The defended model with its defaults, but a registry that knows already what these texts can tell it."""
    from scripts.packing.archive import ArchiveOptions, build_archive
    from scripts.serving.server import serving

    build_archive(
        ArchiveOptions(
            name=MODEL,
            version="1.0",
            checkpoint=arguments.checkpoint,
            calibration=arguments.calibration,
            model_store=folder / "store",
            server={"batchSize": arguments.batch_size, "maxBatchDelay": arguments.max_batch_delay},
            defense={"registry_file": str(registry_file)},
        )
    )
    options = ServerOptions(
        model_store=folder / "store",
        models=archives_named([MODEL]),
        workers=arguments.workers,
        device=arguments.device,
        ports=Ports.free(),
        state_dir=folder / "state",
        state_home=folder / "home",
    )
    with serving(options) as server:
        yield server


def _show(result: dict[str, Any]) -> None:
    from scripts.lab.cost.soak import SETTLING

    say(
        f"{result['n_requests']} answers in {result['seconds']:.0f} s ({result['requests_per_s']:.1f} requests/s, "
        f"p99 {1000 * result['p99_s']:.0f} ms), {result['n_wrong']} of them wrong; {result['n_errors']} errors, "
        f"{result['n_restarts']} workers restarted"
    )
    say(
        f"memory of {result['workers']} worker(s): {result['first_mib']:.1f} MiB at first, {result['last_mib']:.1f} at "
        f"last; {result['mib_per_minute']:+.3f} MiB a minute, {result['mib_per_1000_requests']:+.4f} MiB a thousand "
        f"requests, after the first {SETTLING:.0%} of the time"
    )


if __name__ == "__main__":
    raise SystemExit(main())
