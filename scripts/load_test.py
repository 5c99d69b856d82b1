"""Put load on a live TorchServe: the defended model and the same checkpoint undefended, side by side.

With --ray the same archive is served by Ray Serve as well, on the same machine at the same time, and they take turns.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from scripts.console.command import CommandParser, Exit, positive, run_command, say
from scripts.hub.models import with_models
from scripts.results.provenance import attack_record, provenance
from scripts.results.rows import markdown, write_result
from scripts.serving.server_options import Ports, ServerOptions, archives_named
from scripts.texts.corpora import read_texts
from scripts.texts.reading import ReadingOptions, add_reading_options

if TYPE_CHECKING:
    from scripts.lab.cost.load import AskedServer, Load
    from scripts.packing.archive import ArchiveOptions

EXAMPLES = """\
  python -m scripts.load_test --checkpoint build/victim --calibration build/calibration.json --data test.tsv.gz \\
      --json build/load.json --append results/load.jsonl
  python -m scripts.load_test ... --workers 2 --batch-sizes 8 --delays 10 --clients 32      # one setting
  python -m scripts.load_test ... --workers 1 --batch-sizes 8 --delays 10 --clients 1 8 32 --ray      # both servers"""

DEFENDED, UNDEFENDED = "defended", "undefended"
TORCHSERVE, RAY = "TorchServe", "Ray Serve"
MODELS = {TORCHSERVE: (DEFENDED, UNDEFENDED), RAY: (DEFENDED,)}
"""Which each server has: what runs on Ray Serve is our handler alone."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How a server batches, and with how many workers for each model."""

    workers: int
    batch_size: int
    max_batch_delay: int
    """ms."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="load_test", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--data", type=Path, required=True, help="clean texts: see below")
    parser.add_argument("--clients", type=positive, nargs="+", default=(1, 8, 32), help="at once (1 8 32)")
    parser.add_argument("--batch-sizes", type=positive, nargs="+", default=(1, 8, 32), help="requests (1 8 32)")
    parser.add_argument("--delays", type=positive, nargs="+", default=(5, 20), help="ms to wait for a batch (5 20)")
    parser.add_argument("--workers", type=positive, nargs="+", default=(1, 2), help="for each model (1 2)")
    parser.add_argument("--seconds", type=positive, default=15, help="of one measurement at most (15)")
    parser.add_argument("--requests", type=positive, default=2000, help="in one measurement at most (2000)")
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="where workers run (cpu)")
    parser.add_argument("--ray", action="store_true", help="serve the archive on Ray Serve as well, as many replicas")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--append", type=Path, help="JSON lines file to append the figures to")
    add_reading_options(parser)
    return run_command(parser, with_models(_test, "checkpoint"), argv)


def _test(arguments: argparse.Namespace) -> Exit:
    from tqdm import tqdm

    texts = read_texts(arguments.data, ReadingOptions.from_arguments(arguments))
    settings = [
        Setting(workers=workers, batch_size=size, max_batch_delay=delay)
        for workers in arguments.workers
        for size in arguments.batch_sizes
        for delay in (arguments.delays if size > 1 else arguments.delays[:1])  # a lone request waits for nobody
    ]
    rows: list[dict[str, Any]] = []
    for setting in tqdm(settings, unit="server", desc="load", disable=None):
        rows += [
            asdict(setting) | {"server": server} | asdict(load) for server, load in _loads(arguments, setting, texts)
        ]
    result = {
        **attack_record(arguments.checkpoint),
        "device": arguments.device,
        "loads": rows,
        "best": best(rows),
        **provenance(),
    }
    write_result(result, document=arguments.json, rows=arguments.append)
    _show(result)
    return Exit.BELOW_TARGET if any(row["n_errors"] for row in rows) else Exit.DONE


def _loads(arguments: argparse.Namespace, setting: Setting, texts: Sequence[str]) -> "Iterator[tuple[str, Load]]":
    """Every number of clients on every model of every server, which take turns; the servers end however this does."""
    from scripts.lab.cost.load import LoadLimits, put_load

    limits = LoadLimits(seconds=arguments.seconds, n_requests=arguments.requests)
    with TemporaryDirectory(prefix="xgraad-load-") as temporary, ExitStack() as stack:
        servers = _servers(arguments, setting, Path(temporary), stack)
        asked = [(name, server, model) for name, server in servers.items() for model in MODELS[name]]
        for _, server, model in asked:
            put_load(server, model, texts, n_clients=4, limits=LoadLimits(seconds=10, n_requests=20))
        for n_clients in arguments.clients:
            for name, server, model in asked:
                yield name, put_load(server, model, texts, n_clients=n_clients, limits=limits)
                time.sleep(0.5)  # the other model's workers are idle by now


def _servers(
    arguments: argparse.Namespace, setting: Setting, folder: Path, stack: ExitStack
) -> "Mapping[str, AskedServer]":
    """All that are asked, ready, by name."""
    from scripts.packing.archive import build_archive, build_undefended_archive
    from scripts.serving.ray_server import RayServerOptions, serving_on_ray
    from scripts.serving.server import serving

    store = folder / "store"
    for name, build in ((DEFENDED, build_archive), (UNDEFENDED, build_undefended_archive)):
        build(_archive(arguments, setting, name, store=store))
    shared: dict[str, Any] = {"model_store": store, "device": arguments.device}
    options = ServerOptions(
        models=archives_named([DEFENDED, UNDEFENDED]),
        workers=setting.workers,
        ports=Ports.free(),
        state_dir=folder / "state",
        state_home=folder / "home",
        **shared,
    )
    servers: dict[str, AskedServer] = {TORCHSERVE: stack.enter_context(serving(options))}
    if arguments.ray:
        on_ray = RayServerOptions(
            models=archives_named([DEFENDED]),
            replicas=setting.workers,
            state_dir=folder / "state-ray",
            state_home=folder / "home-ray",
            **shared,
        )
        servers[RAY] = stack.enter_context(serving_on_ray(on_ray))
    return servers


def _archive(arguments: argparse.Namespace, setting: Setting, name: str, *, store: Path) -> "ArchiveOptions":
    from scripts.packing.archive import ArchiveOptions

    return ArchiveOptions(
        name=name,
        version="1.0",
        checkpoint=arguments.checkpoint,
        calibration=arguments.calibration,
        model_store=store,
        server={
            "minWorkers": setting.workers,
            "maxWorkers": setting.workers,
            "batchSize": setting.batch_size,
            "maxBatchDelay": setting.max_batch_delay,
        },
        defense={},
    )


def best(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The setting whose defended model on TorchServe answers most requests at the largest number of clients.

    Returns:
        The fields of `Setting`, `requests_per_s` and `p99_s` of the defended model, `throughput_share` and `p99_times`
        of the undefended one's; `ray_requests_per_s` and `ray_p99_s` where Ray Serve was asked as well.
    """
    most = max(row["n_clients"] for row in rows)
    chosen = max(
        (row for row in rows if _key(row) == (TORCHSERVE, DEFENDED) and row["n_clients"] == most),
        key=lambda row: row["requests_per_s"],
    )
    names = ("workers", "batch_size", "max_batch_delay", "n_clients")
    alike = {_key(row): row for row in rows if all(row[name] == chosen[name] for name in names)}
    other, ray = alike[TORCHSERVE, UNDEFENDED], alike.get((RAY, DEFENDED))
    return (
        {name: chosen[name] for name in (*names, "requests_per_s", "p99_s")}
        | {
            "throughput_share": chosen["requests_per_s"] / max(other["requests_per_s"], 1e-9),
            "p99_times": chosen["p99_s"] / max(other["p99_s"], 1e-9),
        }
        | ({"ray_requests_per_s": ray["requests_per_s"], "ray_p99_s": ray["p99_s"]} if ray else {})
    )


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["server"], row["model"]


def _show(result: dict[str, Any]) -> None:
    names: tuple[str, ...] = ("workers", "batch_size", "max_batch_delay", "n_clients", "server", "model")
    names += ("requests_per_s", "p50_s", "p95_s", "p99_s", "n_errors")
    rows = [[f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name]) for name in names]
            for row in result["loads"]]  # fmt: skip
    say(markdown(names, rows))
    found = result["best"]
    say(
        f"best for {found['n_clients']} clients here: --workers {found['workers']} --batch-size {found['batch_size']} "
        f"--max-batch-delay {found['max_batch_delay']}: {found['requests_per_s']:.1f} requests/s, "
        f"{found['throughput_share']:.2f} of undefended; p99 {1000 * found['p99_s']:.0f} ms, "
        f"{found['p99_times']:.1f} times undefended"
    )
    if "ray_requests_per_s" in found:
        say(f"Ray Serve so: {found['ray_requests_per_s']:.1f} requests/s; p99 {1000 * found['ray_p99_s']:.0f} ms")


if __name__ == "__main__":
    raise SystemExit(main())
