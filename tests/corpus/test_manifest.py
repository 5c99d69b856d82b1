"""A folder of verdicts belongs to one run: what it is begun with it goes on with, or a line says what differs."""

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.console.errors import LabError
from scripts.corpus.manifest import MANIFEST, Manifest, begin
from tests.corpus.conftest import a_manifest

CONTENT = "one\ntwo\nthree\nfour"


def test_shards_cover_every_row_once(tmp_path: Path) -> None:
    one = a_manifest(tmp_path, CONTENT)
    manifest = replace(one, files=(*one.files, replace(one.files[0], n_rows=6)))
    found = [
        (shard.number, shard.file, shard.first, shard.n_rows) for shard in map(manifest.shard, range(manifest.n_shards))
    ]
    assert found == [(0, 0, 0, 3), (1, 0, 3, 1), (2, 1, 0, 3), (3, 1, 3, 3)]
    assert manifest.n_rows == 10


def test_the_same_run_goes_on(tmp_path: Path) -> None:
    manifest = a_manifest(tmp_path, CONTENT)
    assert not begin(tmp_path / "out", manifest)
    assert begin(tmp_path / "out", a_manifest(tmp_path, CONTENT))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda manifest: replace(manifest, calibration="0" * 64), "calibration "),
        (lambda manifest: replace(manifest, audit="0" * 64), "audit None, now it is '0000"),
        (lambda manifest: replace(manifest, files=()), "1 files, now there are 0"),
        (lambda manifest: replace(manifest, files=(replace(manifest.files[0], sha256="0"),)), r"files\[0\]\.sha256 "),
        (
            lambda manifest: replace(manifest, settings=replace(manifest.settings, max_chars=7)),
            "settings.max_chars 100, now it is 7",
        ),
    ],
)
def test_another_run_is_refused_by_name(tmp_path: Path, change: object, named: str) -> None:
    manifest = a_manifest(tmp_path, CONTENT)
    begin(tmp_path / "out", manifest)
    assert callable(change)
    with pytest.raises(LabError, match=rf"out: was begun with {named}"):
        begin(tmp_path / "out", change(manifest))


def test_what_is_no_folder_of_verdicts_is_left_alone(tmp_path: Path) -> None:
    manifest: Manifest = a_manifest(tmp_path, CONTENT)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"")
    with pytest.raises(LabError, match="holds other files"):
        begin(tmp_path / "photos", manifest)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / MANIFEST).write_text("{}")
    with pytest.raises(LabError, match=r"manifest\.json: "):
        begin(tmp_path / "broken", manifest)
