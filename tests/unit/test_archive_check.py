"""Archives that somebody tampered with, or that were made to harm whoever unpacks them."""

import hashlib
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from handler.integrity import CHECKSUMS, format_checksums
from scripts import serve, verify_archive
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.packing.archive_check import MAX_MEMBERS, check_archive, require_digest

FILES = {
    "MAR-INF/MANIFEST.json": b'{"model": {"modelName": "toy", "modelVersion": "1.0"}}',
    "config.json": b'{"model_type": "bert"}',
    "handler/__init__.py": b'"""Code."""\n',
    "model.safetensors": b"\x80\x03\x00\x00\x00\x00\x00\x00 tensors",  # begins like a pickle, and is none
    "xgraad_handler.py": b'"""Entry."""\n',
}
Packer = Callable[..., Path]


def listed(files: Mapping[str, bytes]) -> dict[str, bytes]:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    return {**files, CHECKSUMS: format_checksums(digests).encode()}


@pytest.fixture
def pack(tmp_path: Path) -> Packer:
    """Makes an archive of some files with an honest list, then has `tamper` add to it."""

    def make(files: Mapping[str, bytes] = FILES, tamper: Callable[[zipfile.ZipFile], None] | None = None) -> Path:
        with zipfile.ZipFile(tmp_path / "toy.mar", "w") as archive:
            for name, content in listed(files).items():
                archive.writestr(name, content)
            if tamper:
                tamper(archive)
        return tmp_path / "toy.mar"

    return make


def faults(archive: Path) -> str:
    return "\n".join(check_archive(archive).faults)


def test_an_honest_archive_passes(pack: Packer) -> None:
    archive = pack()
    report = check_archive(archive, sha256=hashlib.sha256(archive.read_bytes()).hexdigest())
    assert report.faults == ()
    assert report.n_files == len(FILES) + 1


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_is_found_and_named(pack: Packer, name: str) -> None:
    archive = pack()
    content = bytearray(archive.read_bytes())
    content[content.index(FILES[name]) + len(FILES[name]) // 2] ^= 4
    archive.write_bytes(content)
    assert faults(archive) == f"{name}: cannot be read whole"  # the zip's own checksum tells


def test_an_exchanged_file_is_found_and_named(pack: Packer) -> None:
    files = listed(FILES) | {"config.json": b"{}"}
    archive = pack()
    with zipfile.ZipFile(archive, "w") as changed:
        for name, content in files.items():
            changed.writestr(name, content)
    assert faults(archive).startswith("config.json: was changed after packing")


def test_missing_files_and_lists(pack: Packer) -> None:
    archive = pack()
    with zipfile.ZipFile(archive, "w") as changed:
        for name, content in listed(FILES).items():
            if name != "model.safetensors":
                changed.writestr(name, content)
    assert faults(archive) == "model.safetensors: is missing"
    with zipfile.ZipFile(archive, "w") as changed:
        for name, content in FILES.items():
            changed.writestr(name, content)
    assert faults(archive).startswith(f"{CHECKSUMS}: is missing")


def add(name: str, content: bytes = b"x", *, mode: int = 0) -> Callable[[zipfile.ZipFile], None]:
    def tamper(archive: zipfile.ZipFile) -> None:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        archive.writestr(info, content)

    return tamper


UNSAFE = {
    "../../etc/cron.d/x.txt": "leads out of the folder",
    "/etc/x.txt": "leads out of the folder",
    "a/../../x.txt": "leads out of the folder",
    "..\\x.txt": "leads out of the folder",
    "C:x.txt": "leads out of the folder",
    "a//x.txt": "leads out of the folder",
    "x\n.txt": "leads out of the folder",
    "folder/": "leads out of the folder",
    "pytorch_model.bin": "pickles can run code",
    "x/weights.pt": "pickles can run code",
    "calibration.pkl": "pickles can run code",
    "utils.py": "is of no kind that belongs",
    "transformers/__init__.py": "is of no kind that belongs",
    "handler/native.so": "is of no kind that belongs",
    "handler/__pycache__/x.pyc": "is of no kind that belongs",
    "run.sh": "is of no kind that belongs",
    "inner.mar": "is of no kind that belongs",
}


@pytest.mark.parametrize(("name", "reason"), UNSAFE.items())
def test_unsafe_members_are_refused(pack: Packer, name: str, reason: str) -> None:
    found = faults(pack(tamper=add(name)))
    assert reason in found
    assert len(found.splitlines()) == 1


def test_a_zero_byte_hides_no_name(pack: Packer) -> None:
    """Python cuts a name at a zero byte, others do not."""
    archive = pack(tamper=add("vocabXtxt.json"))
    archive.write_bytes(archive.read_bytes().replace(b"vocabXtxt.json", b"vocab\0txt.json"))
    assert "leads out of the folder" in faults(archive)


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ('{"model": {"modelName": "toy"}}', "must hold a modelVersion, has none"),
        ('{"model": {"modelVersion": "2 final/x"}}', "modelVersion must be letters, digits.*is '2 final/x'"),
        ('{"model": {"modelVersion": ""}}', "modelVersion must be letters"),
        ('{"model": 7}', "cannot be read"),
        ("[]", "cannot be read"),
        ("{", "cannot be read"),
    ],
)
def test_a_version_that_no_address_can_hold_is_a_fault(pack: Packer, manifest: str, reason: str) -> None:
    archive = pack({**FILES, "MAR-INF/MANIFEST.json": manifest.encode()})
    assert re.search(f"^MAR-INF/MANIFEST.json: .*{reason}", faults(archive))


def test_links_are_refused(pack: Packer) -> None:
    assert "vocab.txt: is a link" in faults(pack(tamper=add("vocab.txt", b"/etc/passwd", mode=stat.S_IFLNK | 0o777)))
    assert "is a link or a special file" in faults(pack(tamper=add("vocab.txt", mode=stat.S_IFIFO)))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["config.json", "CONFIG.json"])
def test_a_name_that_stands_twice_is_refused(pack: Packer, name: str) -> None:
    """Which of the two is used is the unpacker's choice."""
    assert "config.json: stands in the archive more than once" in faults(pack(tamper=add(name)))


@pytest.mark.parametrize("content", [b"\x80\x04\x95\x0b", b"PK\x03\x04inner"])
def test_pickles_under_another_name_are_refused(pack: Packer, content: bytes) -> None:
    assert "vocab.txt: holds a pickle or another archive" in faults(pack({**FILES, "vocab.txt": content}))


def test_bombs_are_refused_unread(pack: Packer) -> None:
    def bomb(archive: zipfile.ZipFile) -> None:
        archive.writestr("vocab.txt", bytes(10_000_000), zipfile.ZIP_DEFLATED)

    archive = pack(tamper=bomb)
    assert "vocab.txt: unpacks to more than 200 times its size" in faults(archive)
    assert "may unpack to 1000 bytes" in "\n".join(check_archive(archive, max_bytes=1000).faults)
    many = pack({**FILES, **{f"{number}.txt": b"" for number in range(MAX_MEMBERS)}})
    assert f"toy.mar: may hold {MAX_MEMBERS} members" in faults(many)


def test_members_that_overlap_are_refused(pack: Packer) -> None:
    """Many names for one stretch of the file: small to send, and it fills a disk."""
    archive = pack({**FILES, "vocab.txt": bytes(range(256)) * 400, "merges.txt": b"x"})
    content = bytearray(archive.read_bytes())
    records = [at for at in range(len(content)) if content[at : at + 4] == b"PK\x01\x02"]
    lengths = [struct.unpack("<H", content[at + 28 : at + 30])[0] for at in records]
    names = [bytes(content[at + 46 : at + 46 + length]) for at, length in zip(records, lengths, strict=True)]
    big, small = records[names.index(b"vocab.txt")], records[names.index(b"merges.txt")]
    content[small + 16 : small + 28], content[small + 42 : small + 46] = (
        content[big + 16 : big + 28],
        content[big + 42 : big + 46],
    )
    archive.write_bytes(content)
    assert "its members overlap" in faults(archive)


def test_encrypted_members_are_refused(pack: Packer) -> None:
    content = pack().read_bytes().replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")
    archive = pack()
    archive.write_bytes(content)
    assert "is encrypted" in faults(archive)


def test_an_altered_archive_with_an_honest_list_is_known_by_its_digest(pack: Packer) -> None:
    """The limit of the list, and what is beyond it."""
    original = hashlib.sha256(pack().read_bytes()).hexdigest()
    evil = pack({**FILES, "handler/__init__.py": b"import os\n"})
    assert check_archive(evil).faults == ()
    assert check_archive(evil, sha256=original).faults == ("toy.mar: has another SHA-256 than wanted",)
    with pytest.raises(LabError, match=f"wanted {original}; it is not the archive that was built"):
        require_digest(evil, original)


def test_the_command_tells_by_its_exit_code(pack: Packer, capsys: pytest.CaptureFixture[str]) -> None:
    archive = pack()
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert verify_archive.main([str(archive), "--sha256", digest.upper()]) == Exit.DONE
    assert f"sha256 {digest}" in capsys.readouterr().out
    assert verify_archive.main([str(archive), "--sha256", "0" * 64]) == Exit.BELOW_TARGET
    assert verify_archive.main([str(archive), "--max-bytes", "10"]) == Exit.BELOW_TARGET
    assert "FAULT  toy.mar: may unpack to 10 bytes" in capsys.readouterr().out
    assert verify_archive.main([str(archive.with_name("none.mar"))]) == Exit.ERROR
    archive.write_bytes(b"not a zip")
    assert verify_archive.main([str(archive)]) == Exit.ERROR
    assert "is not a TorchServe archive" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        verify_archive.main([str(archive), "--sha256", "abc"])
    assert left.value.code == Exit.USAGE


def test_a_terminal_sees_no_control_characters(pack: Packer, capsys: pytest.CaptureFixture[str]) -> None:
    verify_archive.main([str(pack(tamper=add("\x1b[2Jx\u202e.txt")))])
    assert "\x1b" not in capsys.readouterr().out


def test_serve_starts_no_other_archive_than_the_wanted(pack: Packer, capsys: pytest.CaptureFixture[str]) -> None:
    archive = pack()
    options = ["start", "--models", "toy", "--model-store", str(archive.parent), "--state", str(archive.parent / "s")]
    assert serve.main([*options, "--sha256", "0" * 64]) == Exit.ERROR
    assert "it is not the archive that was built" in capsys.readouterr().err
    with pytest.raises(SystemExit) as left:
        serve.main([*options, "--sha256", "0" * 64, "1" * 64])
    assert left.value.code == Exit.USAGE


def test_a_damaged_directory_of_the_zip_is_an_error_and_no_traceback(pack: Packer) -> None:
    """Every byte of the end of the file, where the names and sizes stand, once."""
    original = pack().read_bytes()
    archive = pack()
    for at in range(original.index(b"PK\x01\x02"), len(original)):
        content = bytearray(original)
        content[at] ^= 0xFF
        archive.write_bytes(content)
        try:
            check_archive(archive)
        except LabError:
            continue
