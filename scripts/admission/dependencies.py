"""What is installed beside the project's own code, in Python and in TorchServe's jar, and which advisories name it.

Advisories are read in the form of osv.dev, which most databases export: whole dumps or single documents. No service is
asked, so that the audit works where nothing may leave the machine.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from scripts.console.errors import LabError

PYPI, MAVEN = "PyPI", "Maven"
NETTY = "META-INF/io.netty.versions.properties"
"""Of all libraries in the jar, Netty alone leaves its version in it; it reads what strangers send."""

Package = tuple[str, str]
"""Ecosystem and name, as osv.dev writes them."""
Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Vulnerability:
    """An advisory that names something installed."""

    id: str
    package: str
    version: str
    fixed: str | None
    """The first version without it, None where there is none."""
    summary: str
    here: str
    """What the advisory means for this project, where its document says so."""


def python_packages(requirements: Path) -> dict[Package, str]:
    """Version by name of what a requirements file asks for, and of all that this needs, as installed."""
    lines = requirements.read_text(encoding="utf-8").splitlines()
    wanted = [found for line in lines if (found := _requirement(line.partition("#")[0].strip()))]
    versions: dict[Package, str] = {}
    while wanted:
        requirement = wanted.pop()
        package = PYPI, canonicalize_name(requirement.name)
        if package in versions or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            installed = distribution(requirement.name)
        except PackageNotFoundError as error:
            raise LabError(f"{requirement.name}: is required, and not installed; run make setup") from error
        versions[package] = installed.version
        wanted += [Requirement(line) for line in installed.requires or ()]
    return versions


def java_packages(jar: Path) -> dict[Package, str]:
    """The same of the libraries in TorchServe's jar, as far as they tell."""
    with zipfile.ZipFile(jar) as archive:
        text = archive.read(NETTY).decode("utf-8") if NETTY in archive.namelist() else ""
    return {
        (MAVEN, f"io.netty:{name}"): version for name, version in re.findall(r"(?m)^([\w-]+)\.version=(\S+)$", text)
    }


def read_advisories(path: Path) -> list[Document]:
    """All documents of a file or zip.

    Raises:
        LabError: it is neither JSON nor a zip of JSON files.
    """
    try:
        if not zipfile.is_zipfile(path):
            content = json.loads(path.read_text(encoding="utf-8"))
            return content if isinstance(content, list) else [content]
        with zipfile.ZipFile(path) as archive:
            return [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
    except (ValueError, zipfile.BadZipFile) as error:
        raise LabError(f"{path} must be JSON or a zip of JSON files, as osv.dev exports them ({error})") from error


def find(packages: Mapping[Package, str], advisories: Sequence[Document]) -> list[Vulnerability]:
    """Advisories that name an installed version, sorted; withdrawn ones are none."""
    found = [
        finding
        for document in advisories
        if "withdrawn" not in document
        for affected in document.get("affected", [])
        if (finding := _finding(packages, document, affected))
    ]
    return sorted(set(found), key=lambda finding: (finding.package, finding.id))


def _finding(packages: Mapping[Package, str], document: Document, affected: Document) -> Vulnerability | None:
    named = affected.get("package", {})
    ecosystem, name = str(named.get("ecosystem")), str(named.get("name"))
    version = packages.get((ecosystem, canonicalize_name(name) if ecosystem == PYPI else name))
    if version is None:
        return None
    ranges = [list(_spans(each.get("events", []))) for each in affected.get("ranges", []) if each.get("type") != "GIT"]
    spans = [span for each in ranges for span in each if _is_in(version, *span)]
    if not spans and version not in affected.get("versions", []):
        return None
    return Vulnerability(
        id=next((alias for alias in document.get("aliases", []) if alias.startswith("CVE-")), document["id"]),
        package=name,
        version=version,
        fixed=next((until for _, until, is_fixed in spans if is_fixed), None),
        summary=document.get("summary", ""),
        here=document.get("database_specific", {}).get("here", ""),
    )


def _spans(events: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, str | None, bool]]:
    """From which version on, to which, and whether that one is free of it already."""
    start = None
    for event in events:
        if "introduced" in event:
            start = event["introduced"]
        elif start is not None and ("fixed" in event or "last_affected" in event):
            yield start, event.get("fixed", event.get("last_affected")), "fixed" in event
            start = None
    if start is not None:
        yield start, None, False


def _is_in(version: str, start: str, end: str | None, is_fixed: bool) -> bool:
    own = _order(version)
    if own < _order(start):
        return False
    return end is None or own < _order(end) or (own == _order(end) and not is_fixed)


def _order(version: str) -> Version:
    """Versions as pip compares them; of Java's, the numbers in front."""
    try:
        return Version(version)
    except InvalidVersion:
        numbers = re.match(r"\d+(\.\d+)*", version)
        return Version(numbers[0] if numbers else "0")


def _requirement(line: str) -> Requirement | None:
    try:
        return Requirement(line) if line and not line.startswith("-") else None
    except InvalidRequirement as error:
        raise LabError(f"requirements: {line} cannot be read ({error})") from error
