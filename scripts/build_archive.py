"""Pack a checkpoint with its calibration and the handler into one TorchServe archive."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from handler.settings import Detail, OnError, OnTrigger
from handler.xgraad import NEUTRALIZERS, RULES
from handler.xgraad.files.precision import PRECISIONS
from scripts.console.command import CommandParser, device_ids, positive, run_command, say
from scripts.console.errors import LabError
from scripts.hub.models import with_models
from scripts.packing.config_settings import ConfigSettings, setting, with_settings

if TYPE_CHECKING:
    from handler.xgraad.learned.audit import Audit

EXAMPLES = """\
  python -m scripts.build_archive --name sst2 --checkpoint build/victim --calibration build/calibration.json
  python -m scripts.build_archive --name sst2 --checkpoint build/victim --calibration build/calibration.json \\
      --device-ids 0,1 --workers-per-device 2 --batch-size 32 --max-batch-delay 20
  python -m scripts.build_archive --name sst2 --checkpoint build/victim --calibration build/calibration.json \\
      --scan scan.json
  openssl ecparam -name prime256v1 -genkey -noout -out k.pem         the private key, which stays with you
  openssl ec -in k.pem -pubout -out p.pem                            the public one, for whoever serves
  python -m scripts.build_archive --name sst2 --checkpoint build/victim --calibration build/calibration.json \\
      --sign k.pem
  python -m scripts.build_archive ... --set gate_share=0.1 --set max_texts=16 --set responseTimeout=120"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="build_archive", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--name", required=True, help="the model's name in every address")
    parser.add_argument("--checkpoint", type=Path, required=True, help="model folder, or NAME@REVISION on the hub")
    parser.add_argument("--calibration", type=Path, required=True, help="what scripts.calibrate wrote for it")
    parser.add_argument("--model-store", type=Path, default=Path("model_store"), help="folder for NAME.mar")
    parser.add_argument("--version", default="1.0", help="the model's version (1.0)")
    count = parser.add_mutually_exclusive_group()
    count.add_argument("--workers", type=positive, help="worker processes, over all devices (1)")
    count.add_argument("--workers-per-device", type=positive, help="the same for each GPU of --device-ids")
    parser.add_argument("--device", choices=("cpu", "gpu"), help="where workers run (gpu where there is one)")
    parser.add_argument(
        "--device-ids", type=device_ids, metavar="0,1", help="GPUs to spread the workers over, such as 0,1 (all)"
    )
    parser.add_argument("--batch-size", type=positive, help="requests judged together at most (8)")
    parser.add_argument("--max-batch-delay", type=positive, help="ms that a lone request waits for company (10)")
    parser.add_argument("--rule", choices=sorted(RULES), help="when a text is flagged")
    parser.add_argument(
        "--neutralizer", choices=NEUTRALIZERS, help="what happens to a suspect word (rule paper: noise, else delete)"
    )
    parser.add_argument("--noise-key", help="your own seed of the noise")
    parser.add_argument("--scan", type=Path, metavar="JSON", help="of scan_model; workers know the triggers found")
    parser.add_argument("--registry-file", metavar="PATH", help="where workers remember triggers (the user's state)")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the model, as it was calibrated (float32)")
    parser.add_argument(
        "--sign",
        type=Path,
        metavar="KEY",
        help="PEM file of an elliptic private key; writes NAME.mar.sig (password: XGRAAD_SIGNING_PASSWORD)",
    )
    _add_policies(parser)
    parser.add_argument(
        "--set", type=setting, action="append", default=[], metavar="NAME=VALUE", help="any other of model-config.yaml"
    )

    def work(arguments: argparse.Namespace) -> None:
        if arguments.workers_per_device and not arguments.device_ids:
            parser.error("--workers-per-device needs --device-ids")
        with_models(_build, "checkpoint")(arguments)

    return run_command(parser, work, argv)


def _add_policies(parser: CommandParser) -> None:
    parser.add_argument("--on-trigger", choices=get_args(OnTrigger), help="what a triggered text gets (neutralize)")
    parser.add_argument("--on-error", choices=get_args(OnError), help="what a text gets that fails (fail_closed)")
    parser.add_argument("--detail", choices=get_args(Detail), help="what a reply tells; below full no scores (full)")


def _build(arguments: argparse.Namespace) -> None:
    from scripts.packing.archive import ArchiveOptions, build_archive
    from scripts.packing.archive_check import archive_digest
    from scripts.packing.untested import untested_in

    sign = _signer(arguments.sign) if arguments.sign else None
    settings = with_settings(ConfigSettings(_server(arguments), _defense(arguments)), arguments.set)
    archive = build_archive(
        ArchiveOptions(
            name=arguments.name,
            version=arguments.version,
            checkpoint=arguments.checkpoint,
            calibration=arguments.calibration,
            model_store=arguments.model_store,
            server=settings.server,
            defense=settings.defense,
            audit=_audit(arguments.scan) if arguments.scan else None,
        )
    )
    if line := untested_in(archive):
        say(line)
    say(f"{archive}: {archive.stat().st_size / 2**20:.1f} MiB")
    say(f"sha256 {archive_digest(archive)}")
    if sign:
        say(f"signature {sign(archive)}")
    say(f"serve it: python -m scripts.serve start --models {arguments.name} --model-store {arguments.model_store}")


def _signer(key: Path) -> Callable[[Path], Path]:
    """What signs the archive once it is built; the key is read now, not after minutes of building."""
    from scripts.packing.key_files import signer
    from scripts.packing.signature import sign_archive

    return partial(sign_archive, key=signer(key))


def _defense(arguments: argparse.Namespace) -> dict[str, Any]:
    """Our settings for the options that were given."""
    return _given(
        rule=arguments.rule,
        neutralizer=arguments.neutralizer,
        noise_key=arguments.noise_key,
        registry_file=arguments.registry_file,
        precision=arguments.precision,
        on_trigger=arguments.on_trigger,
        on_error=arguments.on_error,
        detail=arguments.detail,
    )


def _audit(path: Path) -> "Audit":
    """What an archive keeps of a scan; whose checkpoint it was is compared when it is packed."""
    from scripts.admission.report.scan_json import read_scan

    scan = read_scan(path)
    say(scan.sentence())
    if scan.audit is None:
        raise LabError(f"{path}: says nothing of words, for the checkpoint did not load; scan it again")
    return scan.audit


def _server(arguments: argparse.Namespace) -> dict[str, Any]:
    """TorchServe's keys for the options that were given."""
    ids, workers = arguments.device_ids, arguments.workers
    if arguments.workers_per_device:
        workers = arguments.workers_per_device * len(ids)
    return _given(
        minWorkers=workers,
        maxWorkers=workers,
        deviceType=arguments.device or ("gpu" if ids else None),
        deviceIds=list(ids) if ids else None,
        batchSize=arguments.batch_size,
        maxBatchDelay=arguments.max_batch_delay,
    )


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


if __name__ == "__main__":
    raise SystemExit(main())
