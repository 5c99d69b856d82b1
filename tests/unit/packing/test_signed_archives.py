"""Only what is signed is served, from copies that nobody changes, and the check of an archive asks for it first."""

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts import build_archive, serve, verify_archive
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.packing.signature import require_signature
from scripts.packing.signing_library import PACKAGES
from scripts.packing.verified_copies import remove_left_copies, verified_copies
from scripts.serving.server_options import ServerOptions
from tests.unit.packing.fault_lines import assert_readable
from tests.unit.packing.key_pairs import write_keys
from tests.unit.test_light_commands import run
from tests.unit.test_server import write_archive

PROJECT = Path(__file__).parents[3]


def test_copies_are_served_that_nobody_changes(signed: Path, public: Path, tmp_path: Path) -> None:
    content = signed.read_bytes()
    with verified_copies(["toy.mar"], signed.parent, public, folder=tmp_path / "state") as store:
        signed.write_bytes(b"something else")
        assert {path.name: path.read_bytes() for path in store.iterdir()} == {"toy.mar": content}
        assert store.stat().st_mode & 0o077 == 0
        assert store.is_relative_to(tmp_path / "state")
    assert not list((tmp_path / "state").iterdir())


KILLED = """
import os, signal, sys
from pathlib import Path
from scripts.packing.verified_copies import verified_copies
with verified_copies(["toy.mar"], Path(sys.argv[1]), Path(sys.argv[2]), folder=Path(sys.argv[3])):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_removed_and_nothing_else(signed: Path, public: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    command = [sys.executable, "-c", KILLED, str(signed.parent), str(public), str(state)]
    assert subprocess.run(command, check=False, cwd=PROJECT).returncode == -signal.SIGKILL
    (left,) = state.iterdir()
    assert [path.name for path in left.iterdir()] == ["toy.mar"]
    elsewhere = tmp_path / "verified-elsewhere"
    elsewhere.mkdir()
    (state / "verified-link").symlink_to(elsewhere, target_is_directory=True)
    (state / "verified-file").touch()
    (state / "logs").mkdir()
    with verified_copies(["toy.mar"], signed.parent, public, folder=state) as store:
        remove_left_copies(state)
        assert {path.name for path in state.iterdir()} == {store.name, "verified-link", "verified-file", "logs"}
        assert (store / "toy.mar").is_file()
    assert elsewhere.is_dir()
    remove_left_copies(tmp_path / "never made")


def test_what_is_verified_is_the_copy(
    signed: Path, public: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the file were exchanged while it is copied, and put back."""
    monkeypatch.setattr(shutil, "copyfile", lambda _, target: target.write_bytes(b"exchanged"))
    with (
        pytest.raises(LabError, match=r"toy\.mar: was changed after signing"),
        verified_copies(["toy.mar"], signed.parent, public, folder=tmp_path / "state"),
    ):
        pytest.fail("served")
    require_signature(signed, public)


@pytest.fixture
def start(signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, dict[str, bytes]]]:
    """Has `serve start` go as far as starting a server; tells its exit code and the archives that would be served."""

    def far_enough(options: ServerOptions) -> None:
        found.update({model: options.archive(model).read_bytes() for model in options.models})
        raise LabError("far enough")

    found: dict[str, bytes] = {}
    monkeypatch.setattr(serve, "start_server", far_enough)
    places = ["--model-store", str(signed.parent), "--state", str(tmp_path / "state")]
    return lambda public, *models: (
        serve.main(["start", *places, "--require-signature", str(public), "--models", *models]),
        found,
    )


@pytest.mark.parametrize(("models", "name"), [("toy", "toy"), ("toy.mar", "toy"), ("x=toy.mar", "x"), ("all", "toy")])
def test_serve_starts_what_is_signed(
    signed: Path,
    public: Path,
    start: Any,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    models: str,
    name: str,
) -> None:
    left = tmp_path / "state" / "verified-by a process that was killed"
    left.mkdir(parents=True)
    assert start(public, models) == (Exit.ERROR, {name: signed.read_bytes()})
    assert not left.exists()
    written = capsys.readouterr()
    assert f"signed with the key of {public}: toy.mar" in written.out
    assert "far enough" in written.err


def test_serve_starts_nothing_else(
    signed: Path, public: Path, tmp_path: Path, start: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(key: Path, *models: str) -> str:
        assert start(key, *models) == (Exit.ERROR, {})
        (line,) = capsys.readouterr().err.splitlines()
        assert_readable(line)
        return line

    write_archive(signed.with_name("unsigned.mar"))
    assert "unsigned.mar.sig: is missing" in refused(public, "toy", "unsigned")
    assert "was made with another key" in refused(write_keys(tmp_path, "stranger")[1], "toy")
    assert "none.mar; make one with" in refused(public, "none")
    assert "holds the private one" in refused(tmp_path / "k.pem", "toy")
    signed.write_bytes(b"not a zip")
    assert "toy.mar: was changed after signing" in refused(public, "toy.mar")  # and its manifest was not read
    assert not list((tmp_path / "state").iterdir())


def test_a_profile_that_lets_in_others_later_is_bad_usage(public: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        serve.main(["start", "--models", "toy", "--require-signature", str(public), "--profile", "development"])
    assert left.value.code == Exit.USAGE
    assert "--require-signature needs --profile hardened" in capsys.readouterr().err


def test_the_check_refuses_before_it_opens_the_archive(
    signed: Path, public: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signed.write_bytes(b"not a zip")
    assert verify_archive.main([str(signed), "--key", str(public)]) == Exit.BELOW_TARGET
    written = capsys.readouterr()
    assert "FAULT  toy.mar: was changed after signing" in written.out
    assert "1 fault(s): do not serve it" in written.out
    assert written.err == ""
    assert verify_archive.main([str(signed)]) == Exit.ERROR  # sanity arm
    assert verify_archive.main([str(signed), "--key", str(signed)]) == Exit.ERROR
    assert "must hold a public key" in capsys.readouterr().err


def test_the_check_goes_on_behind_a_signature(signed: Path, public: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A signature tells who packed an archive, not that it is harmless to unpack."""
    assert verify_archive.main([str(signed), "--key", str(public)]) == Exit.BELOW_TARGET
    assert "SHA256SUMS: is missing" in capsys.readouterr().out


def test_verifying_needs_no_torch(signed: Path, public: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom scripts.packing.signature import signature_fault\n"
        "print(signature_fault(Path(sys.argv[1]), Path(sys.argv[2])))\n"
        "sys.exit(sorted({'torch', 'transformers'} & set(sys.modules)) or 0)"
    )
    assert run(str(signed), public, code=code) == "None\n"


@pytest.mark.parametrize("missing", ["model_signing", "OpenSSL"])
def test_without_the_library_three_options_are_refused_and_all_else_works(
    signed: Path,
    keys: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    missing: str,
) -> None:
    for name in [*sys.modules]:
        if name.split(".")[0] == "model_signing" or re.fullmatch(
            r"scripts\.packing\.(key_files|sign\w+|verified_copies)", name
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    private, public = map(str, keys)
    store, state = str(signed.parent), str(signed.parent / "state")
    building = ["--name", "toy", "--checkpoint", store, "--calibration", store, "--model-store", store]
    for command, options in (
        (build_archive, [*building, "--sign", private]),
        (verify_archive, [str(signed), "--key", public]),
        (serve, ["start", "--models", "toy", "--model-store", store, "--state", state, "--require-signature", public]),
    ):
        assert command.main(options) == Exit.ERROR  # type: ignore[attr-defined]
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith(f"need a library that is not installed; get it with pip install {PACKAGES}")
    assert verify_archive.main([str(signed)]) == Exit.BELOW_TARGET


def test_the_packages_that_are_told_are_those_of_the_project() -> None:
    pins = {line.split("#")[0].strip() for line in (PROJECT / "requirements.txt").read_text().splitlines()}
    assert set(PACKAGES.split()) <= pins
