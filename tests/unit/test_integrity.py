"""A model directory that is not what was packed is refused, and the file is named."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.integrity import CHECKSUMS, IntegrityError, format_checksums, parse_checksums, require_unchanged


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A directory with its list."""
    folder = tmp_path / "model"
    contents = {
        "config.json": b"{}",
        "model.safetensors": bytes(range(256)),
        "handler/xgraad/scoring/gate.py": b"x = 1\n",
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    (folder / CHECKSUMS).write_text(format_checksums(digests))
    return folder


def flipped(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    path.write_bytes(content)


def test_what_was_packed_passes(packed: Path) -> None:
    require_unchanged(packed)
    (packed / "__pycache__").mkdir()
    (packed / "__pycache__" / "xgraad_handler.cpython-311.pyc").write_bytes(b"made by Python")
    require_unchanged(packed)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "handler/xgraad/scoring/gate.py"])
@pytest.mark.parametrize("bit", [0, 9, -1])
def test_one_flipped_bit_is_refused_by_name(packed: Path, name: str, bit: int) -> None:
    flipped(packed / name, bit % (8 * (packed / name).stat().st_size))
    with pytest.raises(IntegrityError, match=f"^{name}: was changed after packing"):
        require_unchanged(packed)


def test_a_flipped_bit_in_the_list_is_refused(packed: Path) -> None:
    original = (packed / CHECKSUMS).read_bytes()
    for bit in range(8 * len(original)):
        (packed / CHECKSUMS).write_bytes(original)
        flipped(packed / CHECKSUMS, bit)
        with pytest.raises(IntegrityError):
            require_unchanged(packed)


def remove(folder: Path) -> None:
    (folder / "config.json").unlink()


def add(folder: Path) -> None:
    (folder / "handler" / "extra.py").write_text("evil = True\n")


def add_bytecode(folder: Path) -> None:
    """Python would run it in place of the source."""
    (folder / "handler" / "__pycache__").mkdir()
    (folder / "handler" / "__pycache__" / "gate.cpython-311.pyc").write_bytes(b"evil")


def link(folder: Path) -> None:
    target = (folder / "config.json").rename(folder.parent / "elsewhere.json")
    (folder / "config.json").symlink_to(target)


def link_folder(folder: Path) -> None:
    (folder / "more").symlink_to(folder.parent)


def no_list(folder: Path) -> None:
    (folder / CHECKSUMS).unlink()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (remove, "config.json: is missing"),
        (add, "handler/extra.py: is not on the list"),
        (add_bytecode, "handler/__pycache__/gate.cpython-311.pyc: is not on the list"),
        (link, "config.json: cannot be read whole"),
        (link_folder, "more: is not on the list"),
        (no_list, "SHA256SUMS: missing"),
    ],
)
def test_other_damage_is_refused_by_name(packed: Path, damage: Callable[[Path], None], reason: str) -> None:
    damage(packed)
    with pytest.raises(IntegrityError, match=f"^{reason}"):
        require_unchanged(packed)


def test_all_faults_are_counted_and_it_is_an_error_that_torchserve_shows(packed: Path) -> None:
    remove(packed)
    add(packed)
    with pytest.raises(RuntimeError, match=r"^config.json: is missing; 1 more file\(s\) differ"):
        require_unchanged(packed)


@given(digests=st.dictionaries(st.from_regex(r"[a-z]{1,5}(/[a-z_.]{1,5}[a-z])?", fullmatch=True), st.binary()))
def test_the_list_is_read_as_it_was_written(digests: dict[str, bytes]) -> None:
    listed = {name: hashlib.sha256(content).hexdigest() for name, content in digests.items()}
    if listed:
        assert parse_checksums(format_checksums(listed)) == listed


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", CHECKSUMS, "a\\b", ""])
def test_a_list_of_other_names_is_refused(name: str) -> None:
    with pytest.raises(IntegrityError, match=r"line 1 must be"):
        parse_checksums(f"{'0' * 64}  {name}\n")


@pytest.mark.parametrize("text", ["", "{d}  b\n{d}  a\n", "{d}  a\n{d}  a\n", "{d}  a"])
def test_a_list_must_be_sorted_and_whole(text: str) -> None:
    with pytest.raises(IntegrityError, match="must hold a sorted line for each file"):
        parse_checksums(text.replace("{d}", "0" * 64))


def test_sha256sum_reads_the_list_too(packed: Path) -> None:
    """The form is the standard tool's: digest, two blanks, name."""
    line = (packed / CHECKSUMS).read_text().splitlines()[0]
    assert line == f"{hashlib.sha256(b'{}').hexdigest()}  config.json"
