"""`--set NAME=VALUE`: the same names and values as in the file, and no others."""

import argparse

import pytest

from handler.settings import SECTION, Settings
from handler.xgraad.errors import SettingsError
from scripts.console.errors import LabError
from scripts.packing.config_settings import SERVER, ConfigSettings, refuse_uneven_workers, setting, with_settings

NOTHING = ConfigSettings({}, {})
VALUES = {
    "rule": ("paper", "paper"),
    "neutralizer": ("mask", "mask"),
    "noise_key": ("'17'", "17"),
    "gate_share": ("0.1", 0.1),
    "screen": ("false", False),
    "registry": ("false", False),
    "registry_file": ("/var/lib/x.sqlite", "/var/lib/x.sqlite"),
    "score_all": ("true", True),
    "precision": ("bfloat16", "bfloat16"),
    "on_trigger": ("block", "block"),
    "on_error": ("fail_open", "fail_open"),
    "second_opinion": ("abstain", "abstain"),
    "detail": ("label", "label"),
    "max_texts": ("16", 16),
    "max_chars": ("100", 100),
    "max_request_chars": ("1000", 1000),
    "windows": ("mean", "mean"),
    "windows_label": ("negative", "negative"),
}


@pytest.mark.parametrize("name", Settings.model_fields)
@pytest.mark.parametrize("prefix", ["", "xgraad."])
def test_every_setting_of_the_defense_can_be_set(name: str, prefix: str) -> None:
    typed, value = VALUES[name]
    settings = with_settings(NOTHING, [setting(f"{prefix}{name}={typed}")])
    assert settings == ConfigSettings({}, {name: value})
    assert getattr(Settings.from_model_config({SECTION: settings.defense}), name) == value


@pytest.mark.parametrize("name", SERVER)
def test_every_setting_of_the_server_can_be_set(name: str) -> None:
    typed = {"deviceType": "gpu", "deviceIds": "[0, 1]", "useJobTicket": "true"}.get(name, "7")
    assert list(with_settings(NOTHING, [setting(f"{name}={typed}")]).server) == [name]
    for wrong in ("", "x", "-1", "1.5", "[]", "{}", "[-1]"):
        with pytest.raises(LabError, match=f"--set {name}: .*got"):
            with_settings(NOTHING, [setting(f"{name}={wrong}")])


@pytest.mark.parametrize(
    "typed", ["gate_share=2", "gate_share=much", "registry=1", "noise_key=17", "registry_file=x.sqlite"]
)
def test_values_of_the_defense_are_checked_as_in_the_file(typed: str) -> None:
    settings = with_settings(NOTHING, [setting(typed)])
    with pytest.raises(SettingsError, match=rf"xgraad\.{typed.split('=', maxsplit=1)[0]}: .*got"):
        Settings.from_model_config({SECTION: settings.defense})


@pytest.mark.parametrize(
    "text", ["gate_share", "=1", "", "gate_share=[", "gate_share=2020-13-45", "rule=!!python/name:os.system x"]
)
def test_what_is_no_setting_is_bad_usage(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        setting(text)


def test_unknown_and_double_names_are_refused() -> None:
    with pytest.raises(LabError, match=r"--set gate_shar: is no setting; there is gate_share$"):
        with_settings(NOTHING, [setting("gate_shar=1")])
    with pytest.raises(LabError, match="there is minWorkers, maxWorkers"):
        with_settings(NOTHING, [setting("zzz=1")])
    with pytest.raises(LabError, match="--set rule: is set already, to 'paper'"):
        with_settings(ConfigSettings({}, {"rule": "paper"}), [setting("rule=verified")])
    with pytest.raises(LabError, match="--set batchSize: is set already, to 4"):
        with_settings(NOTHING, [setting("batchSize=4"), setting("batchSize=5")])


def test_workers_that_torchserve_would_ignore_are_refused() -> None:
    refuse_uneven_workers({"minWorkers": 1, "maxWorkers": 2})
    with pytest.raises(LabError, match="minWorkers must be at most maxWorkers, 1, is 2"):
        refuse_uneven_workers({"minWorkers": 2, "maxWorkers": 1})
