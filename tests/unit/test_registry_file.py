"""Where the workers' registry lies, and what happens when it cannot lie there."""

import stat
from pathlib import Path

import pytest

from handler.settings import Settings
from handler.worker.registry_file import default_file, open_registry
from handler.xgraad import Calibration, NoRegistry, SqliteRegistry
from handler.xgraad.errors import CalibrationError, RegistryError, SettingsError
from handler.xgraad.files.fingerprint import hash_weights


def test_by_default_it_lies_in_the_state_folder(
    bert_folder: Path, calibration: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    registry = open_registry(Settings(), calibration)
    assert isinstance(registry, SqliteRegistry)
    registry.close()
    path = tmp_path / "state" / "xgraad" / f"{hash_weights(bert_folder)[:16]}.sqlite"
    assert path == default_file(hash_weights(bert_folder))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("given", ["", "relative/path"])
def test_without_a_state_folder_it_lies_in_the_home(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", given)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_file("a" * 64) == Path("/home/somebody/.local/state/xgraad/aaaaaaaaaaaaaaaa.sqlite")


def test_a_user_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(RegistryError, match="has no home"):
        default_file("a" * 64)


def test_it_lies_where_the_settings_say(calibration: Calibration, tmp_path: Path) -> None:
    registry = open_registry(Settings(registry_file=str(tmp_path / "ours.sqlite")), calibration)
    assert isinstance(registry, SqliteRegistry)
    registry.close()
    assert (tmp_path / "ours.sqlite").is_file()


@pytest.mark.parametrize("settings", [Settings(registry=False), Settings(rule="paper"), Settings(rule="conformal")])
def test_what_does_not_remember_needs_no_file(calibration: Calibration, tmp_path: Path, settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"registry_file": str(tmp_path / "ours.sqlite")})
    assert isinstance(open_registry(elsewhere, calibration), NoRegistry)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_made_is_an_error_with_both_ways_out(
    calibration: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    ways_out = r"xgraad\.registry_file: .*Not a directory.*set xgraad\.registry_file .* or xgraad\.registry to false"
    with pytest.raises(SettingsError, match=ways_out):
        open_registry(Settings(), calibration)
    with pytest.raises(SettingsError, match=r"xgraad\.registry_file: .*is no trigger registry"):
        open_registry(Settings(registry_file=str(tmp_path / "file")), calibration)


def test_a_calibration_does_not_choose_the_path(calibration: Calibration) -> None:
    elsewhere = calibration.fingerprint.model_copy(update={"weights": "../../evil"})
    with pytest.raises(CalibrationError, match="must be 64 hexadecimal digits"):
        open_registry(Settings(), calibration.model_copy(update={"fingerprint": elsewhere}))
