"""Archives as folders: what is wrong is refused before it is unpacked, and nothing of it is run."""

import shutil
import zipfile
from pathlib import Path

import pytest

from deploy.ray import unpacking
from deploy.ray.unpacking import settings_in, unpacked
from handler.integrity import IntegrityError
from scripts.console.errors import LabError
from scripts.packing.archive_check import archive_digest
from tests.live.toy import packed


@pytest.fixture(scope="module")
def archive(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return packed(bert_folder, tmp_path_factory.mktemp("store"), rule="conformal")


def test_an_archive_is_unpacked_once(archive: Path, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path / "models")
    assert folder == tmp_path / "models" / archive_digest(archive)
    assert [path.name for path in (tmp_path / "models").iterdir()] == [folder.name]  # nothing else is left
    assert (tmp_path / "models").stat().st_mode & 0o077 == 0
    made = (folder / "config.json").stat().st_mtime_ns
    assert unpacked(archive, tmp_path / "models") == folder
    assert unpacked(tmp_path / "gone.mar", tmp_path / "models", sha256=folder.name) == folder
    assert (folder / "config.json").stat().st_mtime_ns == made
    found = settings_in(folder)
    assert (found.name, found.version, found.settings["xgraad"]["rule"]) == ("toy", "1.0", "conformal")


def changed(archive: Path, target: Path, name: str, content: bytes) -> Path:
    """The archive with a member that is another, or one more."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        new.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("config.json", b"{}", "config.json: was changed after packing"),
        ("../evil.json", b"{}", "leads out of the folder"),
        ("more.pkl", b"\x80\x04.", "pickles can run code"),
        ("more.json", b"\x80\x04.", "holds a pickle"),
        ("evil.py", b"x = 1", "of no kind that belongs"),
    ],
)
def test_a_bad_archive_is_refused_in_one_line(
    archive: Path, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    bad = changed(archive, tmp_path / "toy.mar", name, content)
    with pytest.raises(LabError, match=reason) as refused:
        unpacked(bad, tmp_path / "models")
    assert "\n" not in str(refused.value)
    assert list((tmp_path / "models").iterdir()) == []
    assert not (tmp_path / "evil.json").exists()


def test_no_archive_no_zip_and_another_digest(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mar").write_text("no archive")
    for file, digest, reason in (
        (tmp_path / "none.mar", None, "there is no archive"),
        (tmp_path / "text.mar", None, "is not a TorchServe archive"),
        (archive, "0" * 64, "has another SHA-256 than wanted"),
    ):
        with pytest.raises(LabError, match=reason):
            unpacked(file, tmp_path / "models", sha256=digest)


def test_what_was_unpacked_is_looked_at_again(archive: Path, tmp_path: Path) -> None:
    folder = unpacked(archive, tmp_path)
    (folder / "config.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"config\.json: was changed after packing"):
        unpacked(archive, tmp_path, sha256=folder.name)


def test_an_archive_of_another_handler_is_refused(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers might be others than those that it was packed with."""
    other = tmp_path / "other" / "handler"
    shutil.copytree(unpacking.HANDLER, other, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(unpacking, "HANDLER", other)
    assert unpacked(archive, tmp_path / "models")
    (other / "settings.py").write_text("# another release")
    with pytest.raises(LabError, match=r"toy\.mar: handler/settings\.py differ"):
        unpacked(archive, tmp_path / "models")
