"""Compare an archive with its own checksums and look for members that are unsafe to unpack. Runs nothing of it.

The checksums tell of damage and of a file that was exchanged. Whoever exchanges the list of checksums as well is found
with --sha256, the digest that build_archive printed, or with --key, the public key of whoever packed it with
build_archive --sign: then NAME.mar.sig must lie beside the archive, and nothing of the archive is read before it fits.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from scripts.console.command import CommandParser, Exit, positive, run_command, say, sha256
from scripts.packing.archive_check import MAX_BYTES, check_archive
from scripts.packing.untested import untested_in

EXAMPLES = """\
  python -m scripts.verify_archive model_store/sst2.mar        exit code 1 when anything is wrong
  python -m scripts.verify_archive model_store/sst2.mar --sha256 DIGEST
  python -m scripts.verify_archive model_store/sst2.mar --key p.pem"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="verify_archive", description=__doc__, examples=EXAMPLES)
    parser.add_argument("archive", type=Path, metavar="FILE", help="the .mar file")
    parser.add_argument("--sha256", type=sha256, metavar="DIGEST", help="what the SHA-256 of the whole file must be")
    parser.add_argument("--key", type=Path, metavar="PUBLIC", help="PEM file of the public key it must be signed with")
    parser.add_argument("--max-bytes", type=positive, default=MAX_BYTES, help="what it may unpack to (16 GiB)")
    return run_command(parser, _verify, argv)


def _verify(arguments: argparse.Namespace) -> Exit:
    if arguments.key and (fault := _signature_fault(arguments.archive, arguments.key)):
        return _refuse(arguments.archive, fault)
    report = check_archive(arguments.archive, sha256=arguments.sha256, max_bytes=arguments.max_bytes)
    say(f"sha256 {report.digest}")
    if report.faults:
        return _refuse(arguments.archive, *report.faults)
    if line := untested_in(arguments.archive):
        say(line)
    trusted = "the wanted archive" if arguments.sha256 else "whole; compare the digest with the builder's"
    if arguments.key:
        trusted = f"signed with the key of {arguments.key}"
    say(f"{arguments.archive}: {report.n_files} files, {report.n_bytes / 2**20:.1f} MiB, {trusted}")
    return Exit.DONE


def _signature_fault(archive: Path, key: Path) -> str | None:
    from scripts.packing.signature import signature_fault

    return signature_fault(archive, key)


def _refuse(archive: Path, *faults: str) -> Exit:
    for fault in faults:
        say(f"FAULT  {fault}")
    say(f"{archive}: {len(faults)} fault(s): do not serve it")
    return Exit.BELOW_TARGET


if __name__ == "__main__":
    raise SystemExit(main())
