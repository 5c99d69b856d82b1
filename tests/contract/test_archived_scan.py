"""A scan in the archive names the triggers to its workers; one that is none, or another's, is refused."""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from handler.describe import describe
from handler.settings import Settings
from handler.xgraad import Calibration, Defense
from handler.xgraad.memory.registry import MemoryRegistry
from scripts.admission.report.scan_json import write_scan
from scripts.console.command import Exit
from tests.contract.toy_archive import build
from tests.unit.admission.scans import REFUSED
from tests.unit.test_audit import an_audit


def scanned(path: Path, checkpoint: Path, *triggers: str, **changes: Any) -> Path:
    """A scan of the checkpoint that has found these words, in a file."""
    fingerprint = Calibration.read(checkpoint / "calibration.json").fingerprint
    audit = an_audit(*triggers, label_id=1, fingerprint=fingerprint)
    write_scan(path, REFUSED.model_copy(update={"fingerprint": fingerprint, "audit": audit} | changes))
    return path


def test_a_scan_in_the_archive_names_the_triggers_to_its_workers(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scan = scanned(tmp_path / "scan.json", checkpoints["bert"], "acting")
    assert build(checkpoints["bert"], tmp_path, "--scan", str(scan)) == Exit.DONE
    assert "refused: words: " in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "toy.mar") as packed:
        packed.extractall(tmp_path / "unpacked")
        assert not any(b"a dull film" in packed.read(name) for name in packed.namelist())  # clean texts stay at home
    registry = MemoryRegistry()
    described = describe(Defense.load(tmp_path / "unpacked", registry=registry), Settings())["defense"]
    assert described["audit"] == {"suspicious": True, "target_label_id": 1, "n_triggers": 1, "n_words": 99}
    assert described["registry"]["n_triggers"] == len(registry) == 1
    assert describe(Defense.load(checkpoints["bert"]), Settings())["defense"]["audit"] is None


def test_same_scan_gives_the_same_bytes(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    scan = scanned(tmp_path / "scan.json", checkpoints["bert"], "acting")
    for store in ("one", "two"):
        assert build(checkpoints["bert"], tmp_path / store, "--scan", str(scan)) == Exit.DONE
    assert (tmp_path / "one" / "toy.mar").read_bytes() == (tmp_path / "two" / "toy.mar").read_bytes()


def test_a_scan_that_is_none_or_of_another_checkpoint_is_refused(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = scanned(tmp_path / "other.json", checkpoints["albert"], "acting")
    nothing = scanned(tmp_path / "nothing.json", checkpoints["bert"], audit=None)
    for scan, rule in (
        (other, "was made for something else"),
        (nothing, "did not load"),
        (tmp_path / "no.json", "no.json"),
    ):
        assert build(checkpoints["bert"], tmp_path / "store", "--scan", str(scan)) == Exit.ERROR
        (told,) = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
        assert rule in told
    assert not (tmp_path / "store" / "toy.mar").exists()
