"""Which advisories are taken to concern what is installed."""

import json
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from scripts import audit_dependencies
from scripts.admission.dependencies import find, java_packages, python_packages, read_advisories
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.results.rows import read_rows
from scripts.serving.grpc_predictions import server_jar

PROJECT = Path(__file__).parents[2]
PACKAGES = {("PyPI", "some-package"): "1.10.0", ("Maven", "io.netty:netty-codec"): "4.1.53.Final"}


def advisory(
    *events: dict[str, str], name: str = "Some_Package", ecosystem: str = "PyPI", **more: Any
) -> dict[str, Any]:
    package = {"ecosystem": ecosystem, "name": name}
    affected = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}
    return {"id": "GHSA-1", "aliases": ["CVE-1"], "summary": "a hole", "affected": [affected], **more}


def fixes(*documents: dict[str, Any]) -> list[str | None]:
    return [finding.fixed for finding in find(PACKAGES, documents)]


ALL = {"introduced": "0"}


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((ALL,), [None]),
        ((ALL, {"fixed": "1.10.1"}), ["1.10.1"]),
        ((ALL, {"fixed": "1.10.0"}), []),
        ((ALL, {"fixed": "1.9"}), []),  # numbers, not letters
        ((ALL, {"last_affected": "1.10.0"}), [None]),
        ((ALL, {"last_affected": "1.9.9"}), []),
        (({"introduced": "1.11"},), []),
        ((ALL, {"fixed": "1.2"}, {"introduced": "1.10.0rc1"}, {"fixed": "2.0"}), ["2.0"]),
        ((ALL, {"fixed": "1.2"}, {"introduced": "1.11"}, {"fixed": "2.0"}), []),
    ],
)
def test_ranges(events: tuple[dict[str, str], ...], expected: list[str | None]) -> None:
    assert fixes(advisory(*events)) == expected


def test_other_packages_and_withdrawn_advisories_are_none() -> None:
    assert fixes(advisory(ALL, name="other")) == []
    assert fixes(advisory(ALL, ecosystem="npm")) == []
    assert fixes(advisory(ALL, withdrawn="2026-01-01T00:00:00Z")) == []
    assert fixes({"id": "empty"}, {"id": "nameless", "affected": [{}]}) == []


def test_listed_versions_and_javas_numbers() -> None:
    listed = advisory() | {
        "affected": [{"package": {"ecosystem": "PyPI", "name": "some-package"}, "versions": ["1.10.0"]}]
    }
    assert fixes(listed) == [None]
    java = advisory(ALL, {"fixed": "4.1.100.Final"}, name="io.netty:netty-codec", ecosystem="Maven")
    assert fixes(java) == ["4.1.100.Final"]
    (finding,) = find(PACKAGES, [java | {"database_specific": {"here": "harmless"}}])
    assert (finding.id, finding.version, finding.here) == ("CVE-1", "4.1.53.Final", "harmless")


def test_dumps_and_single_files_are_read(tmp_path: Path) -> None:
    documents = [advisory(ALL), advisory(ALL, name="b")]
    (tmp_path / "one.json").write_text(json.dumps(documents[0]))
    (tmp_path / "list.json").write_text(json.dumps(documents))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number, document in enumerate(documents):
            archive.writestr(f"{number}.json", json.dumps(document))
    assert read_advisories(tmp_path / "one.json") == documents[:1]
    assert read_advisories(tmp_path / "list.json") == read_advisories(tmp_path / "all.zip") == documents
    (tmp_path / "none.json").write_text("{")
    with pytest.raises(LabError, match="must be JSON or a zip"):
        read_advisories(tmp_path / "none.json")


def test_what_is_needed_counts_as_well(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("# a comment\npydantic==2.14.3  # why\n\n-e .\n")
    found = python_packages(tmp_path / "requirements.txt")
    assert found["PyPI", "pydantic"] == version("pydantic")
    assert found["PyPI", "pydantic-core"] == version("pydantic-core")
    assert ("PyPI", "torch") not in found
    (tmp_path / "requirements.txt").write_text("not-installed-anywhere==1.0\n")
    with pytest.raises(LabError, match="is required, and not installed"):
        python_packages(tmp_path / "requirements.txt")


def test_the_jar_tells_of_its_netty(tmp_path: Path) -> None:
    assert java_packages(server_jar())["Maven", "io.netty:netty-codec-http"] == "4.1.53.Final"
    with zipfile.ZipFile(tmp_path / "empty.jar", "w"):
        pass
    assert java_packages(tmp_path / "empty.jar") == {}


def test_the_command_records_what_it_finds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, harmless = tmp_path / "rows.jsonl", tmp_path / "none.json"
    assert audit_dependencies.main(["--append", str(rows)]) == Exit.BELOW_TARGET
    assert "CVE-2024-29025  io.netty:netty-codec-http 4.1.53.Final, fixed in 4.1.108.Final" in capsys.readouterr().out
    harmless.write_text("[]")
    assert audit_dependencies.main(["--advisories", str(harmless), "--append", str(rows)]) == Exit.DONE
    first, second = read_rows(rows)
    assert {finding["package"] for finding in first["findings"]} >= {"io.netty:netty-codec-http"}
    assert (second["findings"], second["advisories"]) == ([], {"none.json": 0})
    assert first["n_packages"]["PyPI"] > 20


def test_every_advisory_that_is_shipped_says_what_it_means_here() -> None:
    documents = read_advisories(PROJECT / "deploy" / "advisories.json")
    assert all(document["database_specific"]["here"] and document["references"] for document in documents)
    assert len({document["id"] for document in documents}) == len(documents)
