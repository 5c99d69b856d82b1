"""Options of `build_archive` reach the model's configuration, and wrong ones build nothing."""

import json
import zipfile
from pathlib import Path

import pytest
import yaml

from scripts.console.command import Exit
from tests.contract.toy_archive import build


def test_options_reach_the_model_config(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    options = ["--workers", "4", "--device", "gpu", "--device-ids", "0,1", "--batch-size", "16", "--rule", "paper"]
    options += ["--registry-file", "/var/lib/xgraad/sst2.sqlite"]  # of the server, not of this machine
    assert build(checkpoints["bert"], tmp_path, *options) == Exit.DONE
    with zipfile.ZipFile(tmp_path / "toy.mar") as packed:
        text = packed.read("model-config.yaml").decode()
    lines = ["minWorkers: 4", "maxWorkers: 4", "deviceType: gpu", "batchSize: 16", "rule: paper", "registry_file: /var"]
    for line in lines:
        assert line in text


def test_workers_per_device_are_counted_over_all(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(checkpoints["bert"], tmp_path, "--device-ids", "0,2,3", "--workers-per-device", "2") == Exit.DONE
    with zipfile.ZipFile(tmp_path / "toy.mar") as packed:
        config = yaml.safe_load(packed.read("model-config.yaml"))
    assert (config["minWorkers"], config["maxWorkers"]) == (6, 6)
    assert (config["deviceType"], config["deviceIds"]) == ("gpu", [0, 2, 3])
    with pytest.raises(SystemExit) as left:
        build(checkpoints["bert"], tmp_path, "--workers-per-device", "2")
    assert left.value.code == Exit.USAGE
    assert "needs --device-ids" in capsys.readouterr().err


def test_policies_reach_the_model_config(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    options = ["--on-trigger", "block", "--on-error", "fail_open", "--detail", "verdict"]
    assert build(checkpoints["bert"], tmp_path, *options) == Exit.DONE
    with zipfile.ZipFile(tmp_path / "toy.mar") as packed:
        text = packed.read("model-config.yaml").decode()
    for line in ("  on_trigger: block", "  on_error: fail_open", "  detail: verdict"):
        assert line in text.splitlines()


def test_bad_name_is_refused(checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build(checkpoints["bert"], tmp_path, name="../evil") == Exit.ERROR
    assert "--name must be" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["", " ", "2 final/x", "-1", "../1", "1.0\n", "é", "."])
def test_bad_version_is_refused(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    assert build(checkpoints["bert"], tmp_path, f"--version={version}") == Exit.ERROR
    assert "--version must be letters, digits" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_any_setting_reaches_the_model_config(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--version", "2.1-rc_1", "--set", "gate_share=0.1", "--set", "responseTimeout=7"]
    assert build(checkpoints["bert"], tmp_path, *options) == Exit.DONE
    with zipfile.ZipFile(tmp_path / "toy.mar") as packed:
        config = yaml.safe_load(packed.read("model-config.yaml"))
        manifest = json.loads(packed.read("MAR-INF/MANIFEST.json"))
    assert (config["responseTimeout"], config["xgraad"]["gate_share"]) == (7, 0.1)
    assert manifest["model"]["modelVersion"] == "2.1-rc_1"
    for wrong in ("gate_share=2", "gate_shares=0.1", "minWorkers=3", "responseTimeout=soon"):
        assert build(checkpoints["bert"], tmp_path, "--set", wrong, name="wrong") == Exit.ERROR
        assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "wrong.mar").exists()
