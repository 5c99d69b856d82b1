"""Start, stop or look at a TorchServe that serves defended models."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.table import Table

from scripts.console.command import CommandParser, Exit, device_ids, positive, run_command, say, sha256
from scripts.console.console import show
from scripts.packing.archive_check import require_digest
from scripts.serving.running_server import RunningServer, WorkerStatus
from scripts.serving.served_models import Given, archives_given, models_to_serve
from scripts.serving.server import server_status, start_server, stop_server
from scripts.serving.server_options import LOOPBACK, PROFILES, Ports, ServerOptions

EXAMPLES = """  python -m scripts.serve start --models xgraad-sst2 --workers 2 --device cpu
  python -m scripts.serve start --models a b --device gpu --device-ids 0,1 --workers-per-device 2 --port-base 18080
  python -m scripts.serve start --models sst2 --require-signature p.pem
  python -m scripts.serve status        exit code 1 when it does not run or is not ready
  python -m scripts.serve stop"""


def build_parser() -> CommandParser:
    """The command line."""
    parser = CommandParser(name="serve", description=__doc__ or "", examples=EXAMPLES)
    parser.add_argument("action", choices=["start", "stop", "status"])
    parser.add_argument("--state", type=Path, default=Path("build/serve"), help="the server's own folder")
    start = parser.add_argument_group("options of start")
    start.add_argument(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="NAME, FILE.mar, NAME=FILE.mar, or all",
    )
    count = start.add_mutually_exclusive_group()
    count.add_argument("--workers", type=positive, default=1, help="workers per model, over all devices")
    count.add_argument("--workers-per-device", type=positive, help="the same for each GPU of --device-ids")
    start.add_argument("--device", choices=["cpu", "gpu"], default="cpu")
    start.add_argument("--device-ids", type=device_ids, default=(), metavar="0,1", help="default: all devices")
    start.add_argument(
        "--profile", choices=sorted(PROFILES), default="hardened", help="development: no tokens, models over the API"
    )
    start.add_argument("--model-store", type=Path, default=Path("model_store"))
    start.add_argument("--port-base", type=int, help="five ports from here up; default: 8080-8082, 7070, 7071")
    start.add_argument("--no-token", action="store_true", help="no token authorization: for tests on a closed machine")
    start.add_argument(
        "--sha256", type=sha256, nargs="+", metavar="DIGEST", help="of the archives, in the order of --models"
    )
    start.add_argument(
        "--require-signature",
        type=Path,
        metavar="PUBLIC",
        help="PEM file of the public key that each archive must be signed with; copies are verified and served. "
        "Needs the profile hardened, in which nobody registers another archive later",
    )
    start.add_argument("--batch-size", type=positive, help="default: what the archive says")
    start.add_argument("--max-batch-delay", type=positive, help="milliseconds; default: what the archive says")
    start.add_argument("--timeout", type=float, default=300.0, help="seconds to wait until all workers are ready")
    return parser


def start(arguments: argparse.Namespace) -> Exit:
    """Start a server and wait for its workers; a server that does not become ready is stopped again."""
    archives: list[Given] = arguments.archives
    with store_to_serve(arguments) as store:
        for (_, file), digest in zip(archives, arguments.sha256 or (), strict=False):
            require_digest(store / file, digest)
        server = start_server(server_options(arguments, models_to_serve(archives, store), store))
        ready = False
        try:
            server.wait_until_ready(arguments.timeout)
            ready = True
        finally:
            if not ready:
                stop_server(arguments.state)
    show_addresses(server)
    return Exit.DONE


@contextmanager
def store_to_serve(arguments: argparse.Namespace) -> Iterator[Path]:
    """The model store, or in its place a folder of copies that were verified.

    They are needed until all workers are ready: TorchServe unpacks an archive once, and the API registers none.
    """
    if arguments.require_signature is None:
        yield arguments.model_store
        return
    from scripts.packing.verified_copies import remove_left_copies, verified_copies

    if not server_status(arguments.state).running:
        remove_left_copies(arguments.state)
    files, key = list(dict.fromkeys(file for _, file in arguments.archives)), arguments.require_signature
    with verified_copies(files, arguments.model_store, key, folder=arguments.state) as store:
        say(f"signed with the key of {key}: {', '.join(files)}")
        yield store


def server_options(arguments: argparse.Namespace, models: Mapping[str, str], store: Path) -> ServerOptions:
    """What the server is told."""
    per_device = arguments.workers_per_device
    return ServerOptions(
        model_store=store,
        models=models,
        workers=arguments.workers if per_device is None else per_device * len(arguments.device_ids),
        device=arguments.device,
        device_ids=arguments.device_ids,
        ports=Ports() if arguments.port_base is None else Ports.from_base(arguments.port_base),
        batch_size=arguments.batch_size,
        max_batch_delay=arguments.max_batch_delay,
        state_dir=arguments.state,
        token_auth=not arguments.no_token and arguments.profile != "development",
        profile=arguments.profile,
    )


def stop(arguments: argparse.Namespace) -> Exit:
    """Stop the server and all its workers."""
    stop_server(arguments.state)
    say(f"stopped the server of {arguments.state}")
    return Exit.DONE


def show_addresses(server: RunningServer) -> None:
    """Say where the server listens and how to call it."""
    ports, model = server.options.ports, next(iter(server.options.models))
    say(f"ready: {', '.join(server.options.models)} with {server.options.workers} worker(s) each")
    say(f"inference   http://{LOOPBACK}:{ports.inference}   gRPC {LOOPBACK}:{ports.grpc_inference}")
    say(f"management  http://{LOOPBACK}:{ports.management}   gRPC {LOOPBACK}:{ports.grpc_management}")
    say(f"metrics     http://{LOOPBACK}:{ports.metrics}/metrics")
    say(f"keys        {server.key_file or 'none: token authorization is off'}")
    say(f"logs        {server.logs}")
    state = "" if server.options.state_dir == Path("build/serve").resolve() else f" --state {server.options.state_dir}"
    say(f"\ntry: python -m scripts.predict --model {model}{state} 'a text to classify'")


def status(arguments: argparse.Namespace) -> Exit:
    """Show the workers; done only when all are ready."""
    found = server_status(arguments.state)
    if not found.running:
        say(f"no server runs from {arguments.state}")
        return Exit.BELOW_TARGET
    show(worker_table(found.workers))
    say("ready" if found.ready else "not ready")
    return Exit.DONE if found.ready else Exit.BELOW_TARGET


def worker_table(workers: Sequence[WorkerStatus]) -> Table:
    """One row per worker."""
    table = Table("model", "worker", "status", "device", "memory")
    for each in workers:
        table.add_row(each.model, each.worker_id, each.status, each.device, f"{each.memory_bytes / 2**20:.0f} MiB")
    return table


ACTIONS = {"start": start, "stop": stop, "status": status}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = build_parser()

    def work(arguments: argparse.Namespace) -> Exit:
        if arguments.action == "start" and not arguments.models:
            parser.error("start needs --models NAME...")
        if arguments.workers_per_device and not arguments.device_ids:
            parser.error("--workers-per-device needs --device-ids")
        if arguments.require_signature and arguments.profile == "development":
            parser.error("--require-signature needs --profile hardened: development registers any archive over the API")
        starts = arguments.action == "start"
        arguments.archives = archives_given(arguments.models, arguments.model_store) if starts else []
        if arguments.sha256 and len(arguments.sha256) != len(arguments.archives):
            parser.error("--sha256 needs one DIGEST for each of --models")
        return ACTIONS[arguments.action](arguments)

    return run_command(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
