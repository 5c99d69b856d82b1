"""The archive as users get it: unpacked, and loaded by TorchServe's own loader, the source tree out of sight."""

import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from handler.describe import describe
from handler.integrity import IntegrityError, require_unchanged
from handler.settings import Settings
from handler.xgraad import Calibration, Defense
from handler.xgraad.learned.repair_record import REPAIR_FILE
from scripts import build_archive, verify_archive
from scripts.console.command import Exit
from tests.contract.toy_archive import build
from tests.samples import copy_of
from tests.toys import SENTENCES
from tests.unit.test_repair_record import a_record

PROJECT = Path(__file__).parents[2]

LOAD_AND_PREDICT = """
import json, sys
from pathlib import Path
from ts.model_loader import TsModelLoader
from ts.metrics.metric_cache_yaml_impl import MetricsCacheYamlImpl

folder, project, texts = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
metrics = MetricsCacheYamlImpl(str(Path(sys.modules["ts"].__file__).parent / "configs" / "metrics.yaml"))
service = TsModelLoader().load("archived", folder, "xgraad_handler.py", None, 1, metrics_cache=metrics)
rows = [
    {"requestId": str(index).encode(), "parameters": [
        {"name": "body", "value": {"text": text}, "contentType": "application/json"}]}
    for index, text in enumerate(texts)
]
service.context.manifest = {}
headers, batch, ids = service.retrieve_data_for_inference(rows)
service.context.request_ids, service.context.request_processor = ids, headers
bodies = service._entry_point(batch, service.context)
handler = sys.modules["handler"]
print(json.dumps({
    "handler": handler.__file__,
    "source_in_sight": any(str(path).startswith(project) and "site-packages" not in str(path) for path in sys.path),
    "bodies": [json.loads(body) for body in bodies],
}))
"""


@pytest.fixture(scope="module")
def archive(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store")
    assert build(checkpoints["bert"], store) == Exit.DONE
    return store / "toy.mar"


def test_unpacked_archive_serves_without_the_source(
    archive: Path, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(tmp_path)
    arguments = [str(tmp_path), str(PROJECT), json.dumps(SENTENCES)]
    done = subprocess.run(
        [sys.executable, "-c", LOAD_AND_PREDICT, *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PATH": sysconfig.get_path("scripts"), "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert Path(answer["handler"]).is_relative_to(tmp_path)
    assert not answer["source_in_sight"]
    expected = Defense.load(checkpoints["bert"])(SENTENCES)
    assert [body["label_id"] for body in answer["bodies"]] == [verdict.label_id for verdict in expected]
    assert [body["defense"]["anomaly_score"] for body in answer["bodies"]] == pytest.approx(
        [verdict.anomaly_score for verdict in expected], abs=1e-5
    )


def test_archive_holds_what_serving_needs_and_nothing_else(archive: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        names = set(packed.namelist())
        assert packed.testzip() is None
    assert {"xgraad_handler.py", "config.json", "model.safetensors", "tokenizer.json", "calibration.json"} <= names
    assert {"MAR-INF/MANIFEST.json", "model-config.yaml", "handler/xgraad/defense.py"} <= names
    assert {"handler/page/page.py", "handler/page/page.html", "handler/page/page.css"} <= names
    assert not [
        name for name in names if name.endswith((".pyc", ".bin", ".pt", ".md", "run.json")) or "scripts" in name
    ]


def test_no_name_in_the_archive_root_shadows_an_installed_module(archive: Path) -> None:
    """TorchServe puts the archive before site-packages and the standard library."""
    with zipfile.ZipFile(archive) as packed:
        roots = {name.split("/")[0].removesuffix(".py") for name in packed.namelist() if name.endswith(".py")}
    installed = {path.name.removesuffix(".py") for path in Path(sysconfig.get_path("purelib")).iterdir()}
    assert roots == {"handler", "xgraad_handler"}
    assert not roots & (installed | set(sys.stdlib_module_names))


def test_same_input_gives_the_same_bytes(archive: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    build(checkpoints["bert"], tmp_path)
    assert (tmp_path / "toy.mar").read_bytes() == archive.read_bytes()
    build(checkpoints["bert"], tmp_path, "--workers", "2")
    assert (tmp_path / "toy.mar").read_bytes() != archive.read_bytes()


def test_foreign_calibration_is_refused_by_name(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration = checkpoints["roberta"] / "calibration.json"
    paths = [
        "--checkpoint",
        str(checkpoints["bert"]),
        "--calibration",
        str(calibration),
        "--model-store",
        str(tmp_path),
    ]
    assert build_archive.main(["--name", "toy", *paths]) == Exit.ERROR
    assert "weights" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_archiver_leaves_the_users_temporary_folder_alone(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archiver deletes `<tmp>/<model-name>` before it reads: a checkpoint of that name must survive."""
    precious = tmp_path / "toy"
    precious.mkdir()
    (precious / "work.txt").write_text("weeks of it")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert build(checkpoints["bert"], tmp_path / "store") == Exit.DONE
    assert (precious / "work.txt").read_text() == "weeks of it"


def test_a_repaired_checkpoint_says_so_in_its_archive(
    checkpoints: dict[str, Path], archive: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(archive) as packed:
        assert REPAIR_FILE not in packed.namelist(), "one that is as it came has none"
    folder = copy_of(checkpoints["bert"], tmp_path / "repaired")
    weights = Calibration.read(folder / "calibration.json").fingerprint.weights
    (folder / REPAIR_FILE).write_text(a_record(weights).to_json())
    assert build(folder, tmp_path) == Exit.DONE
    with zipfile.ZipFile(tmp_path / "toy.mar") as packed:
        packed.extractall(tmp_path / "unpacked")
    require_unchanged(tmp_path / "unpacked")
    told = describe(Defense.load(tmp_path / "unpacked"), Settings())["repair"]
    assert (told["method"], told["suspect"]) == (a_record().method, a_record().suspect)
    (tmp_path / "unpacked" / REPAIR_FILE).write_text(a_record(weights).model_copy(update={"seed": 8}).to_json())
    with pytest.raises(IntegrityError, match=r"repair\.json: was changed after packing"):
        require_unchanged(tmp_path / "unpacked")


@pytest.mark.parametrize("content", [a_record().to_json(), "[" * 9999, '{"method": "none"}'])
def test_a_record_that_does_not_fit_is_refused_before_packing(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    folder = copy_of(checkpoints["bert"], tmp_path / "repaired")
    (folder / REPAIR_FILE).write_text(content)
    assert build(folder, tmp_path) == Exit.ERROR
    told = capsys.readouterr().err
    assert "repair.json" in told
    assert "Traceback" not in told
    assert not (tmp_path / "toy.mar").exists()


def test_a_signed_archive_is_known_by_the_keys_that_the_help_has_one_make(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for line in build_archive.EXAMPLES.splitlines():
        if line.startswith("  openssl "):
            subprocess.run(re.split(r"  +", line.strip())[0].split(), check=True, capture_output=True)
    assert build(checkpoints["bert"], tmp_path, "--sign", "k.pem") == Exit.DONE
    assert f"signature {tmp_path / 'toy.mar.sig'}\n" in capsys.readouterr().out
    assert verify_archive.main(["toy.mar", "--key", "p.pem"]) == Exit.DONE
    assert "signed with the key of p.pem" in capsys.readouterr().out
    (tmp_path / "toy.mar.sig").unlink()
    assert verify_archive.main(["toy.mar", "--key", "p.pem"]) == Exit.BELOW_TARGET
    assert "FAULT  toy.mar.sig: is missing" in capsys.readouterr().out


def test_a_key_that_cannot_sign_is_refused_before_anything_is_built(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert build(tmp_path, tmp_path, "--sign", str(tmp_path / "k.pem")) == Exit.ERROR
    (line,) = capsys.readouterr().err.splitlines()
    assert "k.pem: must be the PEM file of a key, there is no such file" in line
    assert not list(tmp_path.iterdir())
