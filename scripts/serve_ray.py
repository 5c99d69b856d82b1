"""Serve defended models with Ray Serve, on this machine alone, until Ctrl-C; deploy/ray says what is missing.

Everything listens on 127.0.0.1, Ray's own ports included. There are no tokens: whoever can run programs or a browser on
this machine can ask. For a cluster use Ray's own `serve deploy deploy/ray/config.yaml`.
"""

import argparse
import os
import signal
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from scripts.console.command import CommandParser, Exit, positive, run_command, say, sha256
from scripts.console.errors import LabError
from scripts.serving.served_models import Given, archives_given, models_to_serve
from scripts.serving.server_options import LOOPBACK

EXAMPLES = """  python -m scripts.serve_ray --models xgraad-sst2
  python -m scripts.serve_ray --models xgraad-sst2 --replicas 1 --max-replicas 4 --port 18000
  python -m scripts.serve_ray --models a b --device gpu --replicas 2       a GPU for each replica
  python -m scripts.serve_ray --models sst2 --require-signature p.pem
  python -m scripts.predict --address http://127.0.0.1:8000 --model xgraad-sst2 'a fine film'"""


def build_parser() -> CommandParser:
    """The command line."""
    parser = CommandParser(name="serve_ray", description=__doc__ or "", examples=EXAMPLES)
    parser.add_argument(
        "--models", nargs="+", required=True, metavar="MODEL", help="NAME, FILE.mar, NAME=FILE.mar, all"
    )
    parser.add_argument("--model-store", type=Path, default=Path("model_store"))
    parser.add_argument("--state", type=Path, default=Path("build/serve-ray"), help="where archives are unpacked")
    parser.add_argument("--port", type=positive, default=8000, help="of everything that is asked for over HTTP (8000)")
    parser.add_argument("--replicas", type=positive, help="of each model; default: the archive's minWorkers")
    parser.add_argument("--max-replicas", type=positive, help="more of them under load; default: none, or maxWorkers")
    parser.add_argument("--device", choices=["cpu", "gpu"], default="cpu", help="gpu: one for each replica (cpu)")
    parser.add_argument("--batch-size", type=positive, help="default: what the archive says")
    parser.add_argument("--max-batch-delay", type=positive, help="milliseconds; default: what the archive says")
    parser.add_argument(
        "--sha256", type=sha256, nargs="+", metavar="DIGEST", help="of the archives, in the order of --models"
    )
    parser.add_argument(
        "--require-signature", type=Path, metavar="PUBLIC", help="PEM file of the key that archives are signed with"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    parser = build_parser()

    def work(arguments: argparse.Namespace) -> Exit:
        arguments.archives = archives_given(arguments.models, arguments.model_store)
        if arguments.sha256 and len(arguments.sha256) != len(arguments.archives):
            parser.error("--sha256 needs one DIGEST for each of --models")
        if arguments.max_replicas and arguments.max_replicas < (arguments.replicas or 1):
            parser.error("--max-replicas must not be less than --replicas")
        return _serve(arguments)

    return run_command(parser, work, argv)


def _serve(arguments: argparse.Namespace) -> Exit:
    with socket.socket() as probe:
        if probe.connect_ex((LOOPBACK, arguments.port)) == 0:
            raise LabError(f"port {arguments.port} is in use; stop its owner or choose another with --port")
    try:
        from deploy.ray.local import running
    except ImportError as error:
        cure = "python -m pip install -r requirements.txt -r requirements-ray.txt"
        raise LabError(f"Ray Serve is not installed ({error.name}); get it with {cure}") from error
    try:
        with running(_application(arguments), port=arguments.port, show_log=True):
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # Ray has just put its own in this place
            _show(arguments)
            signal.pause()
    except KeyboardInterrupt:
        say("stopped")
    return Exit.DONE


def _application(arguments: argparse.Namespace) -> Any:
    """The application; where signatures are wanted, of verified copies, which are unpacked before they are gone."""
    from deploy.ray.application import ApplicationOptions, build

    archives: list[Given] = arguments.archives
    with ExitStack() as stack:
        store = arguments.model_store
        if arguments.require_signature is not None:
            from scripts.packing.verified_copies import verified_copies

            files = list(dict.fromkeys(file for _, file in archives))
            store = stack.enter_context(
                verified_copies(files, store, arguments.require_signature, folder=arguments.state)
            )
            say(f"signed with the key of {arguments.require_signature}: {', '.join(files)}")
        arguments.names = models_to_serve(archives, store)
        return build(
            ApplicationOptions(
                archives={name: store / file for name, file in arguments.names.items()},
                sha256=dict(zip(arguments.names, arguments.sha256 or (), strict=False)),
                folder=arguments.state / "models",
                device=arguments.device,
                replicas=arguments.replicas,
                max_replicas=arguments.max_replicas,
                cpus=_cores_each(arguments),
                batch_size=arguments.batch_size,
                max_batch_delay=arguments.max_batch_delay,
            )
        )


def _cores_each(arguments: argparse.Namespace) -> int:
    """Cores of each replica, where all that may run share those that are there."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = arguments.max_replicas or arguments.replicas or 1
    return max(1, cores // (most * len(arguments.names)))


def _show(arguments: argparse.Namespace) -> None:
    address, model = f"http://{LOOPBACK}:{arguments.port}", next(iter(arguments.names))
    say(f"ready: {', '.join(arguments.names)}")
    say(f"inference   {address}")
    say(f"metrics     {address}/metrics")
    say("keys        none: whoever can reach this address can ask")
    say(f"\ntry: python -m scripts.predict --address {address} --model {model} 'a text to classify'\nCtrl-C stops it")


if __name__ == "__main__":
    raise SystemExit(main())
