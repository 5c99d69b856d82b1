"""Compare what is installed, TorchServe's Java part included, with advisories about known holes. Asks no service.

deploy/advisories.json holds those about TorchServe's own Netty, which the usual tools for Python do not see. For the
Python packages give a dump of osv.dev (PyPI/all.zip), or run pip-audit where it may reach its service.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from scripts.admission.dependencies import find, java_packages, python_packages, read_advisories
from scripts.console.command import CommandParser, Exit, run_command, say
from scripts.results.provenance import provenance
from scripts.results.rows import append_row

EXAMPLES = """\
  python -m scripts.audit_dependencies                                  exit code 1 when an advisory applies
  python -m scripts.audit_dependencies --advisories all.zip deploy/advisories.json
  python -m scripts.audit_dependencies --append results/dependencies.jsonl"""
PROJECT = Path(__file__).resolve().parents[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns an exit code."""
    parser = CommandParser(name="audit_dependencies", description=__doc__, examples=EXAMPLES)
    parser.add_argument("--requirements", type=Path, default=PROJECT / "requirements.txt", help="what is served with")
    parser.add_argument(
        "--advisories", type=Path, nargs="+", metavar="FILE", default=[PROJECT / "deploy" / "advisories.json"],
        help="documents of osv.dev, in JSON or zips of it (deploy/advisories.json)",
    )  # fmt: skip
    parser.add_argument("--append", type=Path, help="JSON lines file to append to")
    return run_command(parser, _audit, argv)


def _audit(arguments: argparse.Namespace) -> Exit:
    from scripts.serving.grpc_predictions import server_jar

    packages = python_packages(arguments.requirements) | java_packages(server_jar())
    sources = {path.name: read_advisories(path) for path in arguments.advisories}
    findings = find(packages, [document for documents in sources.values() for document in documents])
    for finding in findings:
        fixed = finding.fixed or "no version"
        say(f"{finding.id}  {finding.package} {finding.version}, fixed in {fixed}: {finding.summary}")
    counted = {name: len(documents) for name, documents in sources.items()}
    say(f"{len(packages)} packages, {sum(counted.values())} advisories, {len(findings)} of them apply")
    if arguments.append:
        row = {"n_packages": _count(packages), "advisories": counted, "findings": [asdict(each) for each in findings]}
        append_row(arguments.append, row | provenance())
    return Exit.BELOW_TARGET if findings else Exit.DONE


def _count(packages: dict[tuple[str, str], str]) -> dict[str, int]:
    ecosystems = [ecosystem for ecosystem, _ in packages]
    return {ecosystem: ecosystems.count(ecosystem) for ecosystem in sorted(set(ecosystems))}


if __name__ == "__main__":
    raise SystemExit(main())
