"""The archive as users get it refuses to be loaded once a bit of it has changed, and says in which file."""

import hashlib
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from handler.integrity import CHECKSUMS, format_checksums
from scripts import build_archive, verify_archive
from scripts.console.command import Exit
from scripts.packing.archive_check import archive_digest
from tests.contract.nursery import Load, nursery
from tests.samples import pickle_of

FLIPPED = [
    "MAR-INF/MANIFEST.json",
    "calibration.json",
    "config.json",
    "handler/__init__.py",
    "handler/hooks/judging.py",
    "handler/xgraad/scoring/gate.py",
    "model-config.yaml",
    "model.safetensors",
    "tokenizer.json",
]


@pytest.fixture(scope="module")
def archive(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store")
    paths = ["--checkpoint", str(checkpoints["bert"]), "--calibration", str(checkpoints["bert"] / "calibration.json")]
    assert build_archive.main(["--name", "toy", *paths, "--model-store", str(store)]) == Exit.DONE
    return store / "toy.mar"


@pytest.fixture
def unpacked(archive: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path / "toy")
    return tmp_path / "toy"


@pytest.fixture(scope="module")
def load() -> Iterator[Load]:
    """Has a process of its own load the model directory, as a worker does."""
    with nursery() as load:
        yield load


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_what_was_built_passes_the_check(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_archive.main([str(archive), "--sha256", archive_digest(archive)]) == Exit.DONE
    assert archive_digest(archive) in capsys.readouterr().out


def test_sha256sum_agrees(unpacked: Path) -> None:
    done = subprocess.run(["/usr/bin/sha256sum", "--check", "--quiet", CHECKSUMS], cwd=unpacked, check=False)
    assert done.returncode == 0


def test_the_list_names_every_file(archive: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        listed = {line.split("  ", 1)[1] for line in packed.read(CHECKSUMS).decode().splitlines()}
        assert listed == set(packed.namelist()) - {CHECKSUMS}
    assert set(FLIPPED) < listed


def test_a_worker_loads_it_again_and_again(unpacked: Path, load: Load) -> None:
    """Sanity arm; and what the first worker leaves behind does not keep the second from loading."""
    for _ in range(2):
        assert load(unpacked).stdout.endswith("loaded\n")
    assert {path.name for path in unpacked.rglob("__pycache__")} <= {"__pycache__"}
    assert not (unpacked / "handler" / "__pycache__").exists()


@pytest.mark.parametrize("name", FLIPPED)
def test_one_flipped_bit_is_refused_by_name(unpacked: Path, load: Load, name: str) -> None:
    flip(unpacked / name, 8 * ((unpacked / name).stat().st_size // 2) + 1)
    done = load(unpacked)
    assert "loaded" not in done.stdout
    assert f"{name}: was changed after packing" in done.stderr


@pytest.mark.parametrize("name", ["handler/integrity.py", "xgraad_handler.py"])
@pytest.mark.parametrize("place", range(7))
def test_damage_to_what_does_the_checking_is_no_way_around_it(
    unpacked: Path, load: Load, name: str, place: int
) -> None:
    """It may fail before it can compare; then Python's own error names the file, but for a zero byte."""
    flip(unpacked / name, 8 * ((unpacked / name).stat().st_size * place // 7 + 40) + place)
    done = load(unpacked)
    assert "loaded" not in done.stdout
    assert Path(name).name in done.stderr or "source code string cannot contain null bytes" in done.stderr


def test_files_added_or_gone_are_refused(unpacked: Path, load: Load) -> None:
    shutil.copyfile(unpacked / "config.json", unpacked / "adapter_config.json")
    assert "adapter_config.json: is not on the list" in load(unpacked).stderr
    (unpacked / "adapter_config.json").unlink()
    (unpacked / CHECKSUMS).unlink()
    assert "SHA256SUMS: missing" in load(unpacked).stderr


def relist(folder: Path) -> None:
    """Write a list that is true of what lies there now, as whoever exchanges files would."""
    files = [path for path in folder.rglob("*") if path.is_file() and not {CHECKSUMS, "__pycache__"} & {*path.parts}]
    digests = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    (folder / CHECKSUMS).write_text(format_checksums(digests))


def test_an_honest_list_makes_no_pickle_welcome(unpacked: Path, load: Load) -> None:
    relist(unpacked)
    assert load(unpacked).stdout.endswith("loaded\n")  # sanity arm
    (unpacked / "handler" / "weights.pkl").write_bytes(pickle_of([1]))
    relist(unpacked)
    done = load(unpacked)
    assert "loaded" not in done.stdout
    assert "handler/weights.pkl: pickles can run code and are refused" in done.stderr


def test_links_and_names_that_lead_out_are_refused(unpacked: Path, load: Load) -> None:
    (unpacked.parent / "secret.txt").write_text("x")
    (unpacked / "vocab.txt").unlink(missing_ok=True)
    (unpacked / "vocab.txt").symlink_to(unpacked.parent / "secret.txt")
    relist(unpacked)
    assert "vocab.txt: cannot be read whole" in load(unpacked).stderr
    (unpacked / "vocab.txt").unlink()
    relist(unpacked)
    digest = hashlib.sha256(b"x").hexdigest()
    (unpacked / CHECKSUMS).write_text(f"{digest}  ../secret.txt\n{(unpacked / CHECKSUMS).read_text()}")
    assert "SHA256SUMS: line 1 must be a digest, two blanks and the name of a file" in load(unpacked).stderr
