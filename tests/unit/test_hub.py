"""Models and data sets by name: only data of one commit is fetched, that is recorded, and the hub is off at first.

The hub's own client asks a hub on this machine.
"""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import huggingface_hub.constants
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad import Calibration
from handler.xgraad.errors import CalibrationError
from handler.xgraad.model.checkpoint import READ_SUFFIXES
from scripts import calibrate, evaluate_defense, repair_model, run_grid, scan_model, train_attack
from scripts.console.command import Command, Exit
from scripts.console.errors import LabError
from scripts.hub.address import HubAddress, address_in
from scripts.hub.models import MODEL_PATTERNS, model_folder, with_models
from scripts.hub.origin import model_name, origin_of
from scripts.texts.corpora import read_corpus, read_texts, write_examples
from tests.conftest import CLEAN_TEXTS, calibrated
from tests.small_hub import COMMIT, SmallHub, running

MODEL, DATA = f"someone/toy@{COMMIT}", f"someone/texts@{COMMIT}"


@pytest.fixture
def hub(bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallHub]:
    """A hub that is on, with a model that holds more than data, and a data set of splits."""
    model = copytree(bert_folder, tmp_path / "published")
    (model / "calibration.json").unlink()
    for name in ("evil.py", "pytorch_model.bin", "training_args.bin", "onnx/config.json", "onnx/model.safetensors"):
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_bytes(b"\x80\x02}q\x00.")
    data = tmp_path / "texts"
    for name in ("train-00000-of-00002", "train-00001-of-00002", "validation-00000-of-00001", "test"):
        path = data / "data" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text,label\n" + "".join(f'"{name} {text}",1\n' for text in CLEAN_TEXTS if '"' not in text))
    (data / "texts.py").write_text("raise SystemExit")
    (data / "README.md").write_text("# Texts")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    with running(SmallHub({"models/someone/toy": model, "datasets/someone/texts": data})) as served:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", served.address)
        monkeypatch.setattr(
            huggingface_hub.constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            served.address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        yield served


def turn_off(monkeypatch: pytest.MonkeyPatch, value: str | None = None) -> None:
    """What the hub's client reads at its import stays on: it is the commands that hold back."""
    if value is None:
        monkeypatch.delenv("HF_HUB_OFFLINE")
    else:
        monkeypatch.setenv("HF_HUB_OFFLINE", value)


def test_only_what_loading_reads_is_fetched(hub: SmallHub, bert_folder: Path) -> None:
    folder = model_folder(Path("someone/toy@main"), what="--checkpoint")
    there = {path.name for path in bert_folder.iterdir() if path.suffix in READ_SUFFIXES} - {"calibration.json"}
    assert {path.name for path in folder.rglob("*")} == set(hub.asked) == there
    assert "model.safetensors" in there
    assert {pattern.removeprefix("*") for pattern in MODEL_PATTERNS} == set(READ_SUFFIXES)
    for name in there:
        assert (folder / name).read_bytes() == (bert_folder / name).read_bytes()


def test_a_revision_becomes_its_commit(hub: SmallHub, capsys: pytest.CaptureFixture[str]) -> None:
    folder = model_folder("someone/toy@main", what="--trusted-base")
    assert folder.name == COMMIT
    assert origin_of(folder) == model_name(folder) == MODEL
    assert f"note: --trusted-base someone/toy@main: is commit {COMMIT}\n" in capsys.readouterr().err
    assert model_folder(MODEL, what="--trusted-base") == folder
    assert "is commit" not in capsys.readouterr().err


@pytest.mark.parametrize("value", [None, "", "1", "true", "yes", "something"])
def test_the_hub_is_off_until_somebody_turns_it_on(
    hub: SmallHub, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as off:
        turn_off(off, value)
        for _ in range(2):
            with pytest.raises(LabError) as refused:
                model_folder("someone/toy@main", what="--checkpoint")
            assert str(refused.value) == (
                "--checkpoint someone/toy@main: is no path here and not in the hub's cache, and the hub is off; "
                "HF_HUB_OFFLINE=0 in the environment turns it on"
            )
            with pytest.raises(LabError, match=r"^data set someone/texts@main/dev: .* HF_HUB_OFFLINE=0"):
                read_texts(Path("someone/texts@main/dev"))
        assert not hub.asked
    folder = model_folder("someone/toy@main", what="--checkpoint")
    n_asked = len(hub.asked)
    turn_off(monkeypatch, value)
    assert model_folder("someone/toy@main", what="--checkpoint") == folder
    assert len(hub.asked) == n_asked > 0


@pytest.mark.parametrize("named", ["someone/gone@main", "someone/toy@gone", f"someone/toy@{'f' * 40}", "a--b@main"])
def test_what_the_hub_has_not_is_refused_in_a_line(hub: SmallHub, named: str) -> None:
    with pytest.raises(LabError, match=f"^--checkpoint {named}: must be a name and revision that the hub ") as refused:
        model_folder(named, what="--checkpoint")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("named", "folder"), [("someone/toy@main", "somewhere"), (f"someone/toy@{'f' * 40}", COMMIT)])
def test_files_of_an_unknown_commit_are_refused(monkeypatch: pytest.MonkeyPatch, named: str, folder: str) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: f"/cache/{folder}")
    with pytest.raises(LabError, match="must lead to a commit of 40 hexadecimal digits and to no other"):
        model_folder(named, what="--checkpoint")


def test_what_is_here_goes_before_the_hub(hub: SmallHub) -> None:
    for name in ("someone/toy@main", "gpt2"):
        Path(name).mkdir(parents=True)
        assert model_folder(name, what="--base") == Path(name)
    Path("someone/texts@main").mkdir()
    write_examples(Path("someone/texts@main/dev.tsv"), [])
    with pytest.raises(LabError, match=r"dev\.tsv: holds no rows"):
        read_texts(Path("someone/texts@main/dev"))
    with pytest.raises(LabError, match="cannot be read"):
        read_texts(Path("someone/texts@main/test"))
    assert not hub.asked


@pytest.mark.parametrize(
    "name", ["bert-base", "someone/toy", "../someone/toy@main", "/toy@main", "published/config.json"]
)
def test_what_is_neither_here_nor_a_revision_is_refused(hub: SmallHub, name: str) -> None:
    with pytest.raises(LabError) as refused:
        model_folder(name, what="--base")
    assert str(refused.value) == f"--base must be a model folder, or NAME@REVISION on the hub, is {name!r}; name one"
    assert not hub.asked


def test_a_command_may_take_other_words(hub: SmallHub) -> None:
    arguments = Namespace(base="made", other=None, checkpoint=Path(MODEL))
    with_models(lambda _: None, "base", "other", "checkpoint", besides=["made"])(arguments)
    assert (arguments.base, arguments.other) == ("made", None)
    assert isinstance(arguments.checkpoint, Path)
    assert arguments.checkpoint.name == COMMIT
    with pytest.raises(LabError, match="--base must be"):
        with_models(lambda _: None, "base")(arguments)


def test_a_place_within_a_model_is_refused(hub: SmallHub) -> None:
    with pytest.raises(LabError, match=r"must be all of a model, NAME@REVISION, names onnx in it"):
        model_folder("someone/toy@main/onnx", what="--checkpoint")
    assert not hub.asked


def test_data_sets_are_folders(hub: SmallHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_texts(Path("someone/texts@main/dev"))[0].startswith("validation-00000-of-00001 ")
    assert f"data set someone/texts@main/dev: is commit {COMMIT}" in capsys.readouterr().err
    assert {Path(name).suffix for name in hub.asked} == {".csv"}
    assert len(read_texts(Path(f"{DATA}/data/train"))) == 2 * len(read_texts(Path(f"{DATA}/data/test.csv")))
    assert [split[0].text.split("-")[0] for split in read_corpus(Path(DATA))][:2] == ["train", "validation"]
    with pytest.raises(LabError, match="holds the splits dev, test, train; name one"):
        read_texts(Path(DATA))


def test_a_calibration_records_where_its_checkpoint_came_from(
    hub: SmallHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data", f"{DATA}/test", "--max-fpr", "0.1", "--max-length", "64", "--out", str(tmp_path / "out.json")]
    assert calibrate.main(["--checkpoint", "someone/toy@main", *data]) == Exit.DONE, capsys.readouterr().err
    assert Calibration.read(tmp_path / "out.json").origin == MODEL
    assert calibrate.main(["--checkpoint", "published", *data]) == Exit.DONE
    local = Calibration.read(tmp_path / "out.json")
    assert local.origin is None
    text = local.to_json()
    assert Calibration.from_json(text.replace('"origin": null,\n ', "")) == local, "files of before are read"
    with pytest.raises(CalibrationError, match="origin"):
        Calibration.from_json(text.replace('"origin": null', '"origin": "someone/toy@main"'))


@pytest.mark.parametrize(("checkpoint", "origin"), [("someone/toy@main", MODEL), ("published", None)])
def test_a_scan_records_where_its_checkpoint_came_from(
    hub: SmallHub, tmp_path: Path, bert_folder: Path, checkpoint: str, origin: str | None
) -> None:
    calibration = ["--calibration", str(calibrated(bert_folder) / "calibration.json"), "--limit-words", "8"]
    written = ["--json", str(tmp_path / "scan.json"), "--html", str(tmp_path / "scan.html")]
    scan_model.main(["--checkpoint", checkpoint, "--data", f"{DATA}/test", *calibration, *written])
    assert json.loads((tmp_path / "scan.json").read_text())["provenance"].get("origin") == origin
    assert (MODEL in (tmp_path / "scan.html").read_text()) == (origin is not None)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (calibrate.main, "--checkpoint"),
        (calibrate.main, "--trusted-base"),
        (scan_model.main, "--checkpoint"),
        (scan_model.main, "--trusted-base"),
        (repair_model.main, "--checkpoint"),
        (repair_model.main, "--trusted-base"),
        (evaluate_defense.main, "--floor"),
        (evaluate_defense.main, "--language-model"),
        (run_grid.main, "--language-model"),
        (train_attack.main, "--base"),
    ],
)
def test_commands_refuse_names_while_the_hub_is_off(
    command: Command, option: str, capsys: pytest.CaptureFixture[str], bert_folder: Path
) -> None:
    """The hub's real client, with nothing in between."""
    needed: dict[Command, list[object]] = {
        calibrate.main: ["--checkpoint", bert_folder, "--data", "none.tsv", "--out", "none.json"],
        scan_model.main: ["--checkpoint", bert_folder, "--data", "none.tsv"],
        repair_model.main: ["--checkpoint", bert_folder, "--data", "none.tsv", "--out", "none"],
        evaluate_defense.main: ["--checkpoint", bert_folder, "--calibration", "none.json", "--clean", "none.tsv"],
        run_grid.main: ["--bases", "none", "--data", "none"],
        train_attack.main: ["--attack", "none", "--data", "none", "--out", "none"],
    }
    assert command([*map(str, needed[command]), option, "someone/gone@main"]) == Exit.ERROR
    said = capsys.readouterr().err.strip()
    assert f"{option} someone/gone@main: is no path here and not in the hub's cache, and the hub is off" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("gpt2@main", HubAddress("gpt2", "main", "")),
        ("a/b.c@v1.0", HubAddress("a/b.c", "v1.0", "")),
        ("a/b@refs/convert/parquet", HubAddress("a/b", "refs/convert/parquet", "")),
        ("a/b@refs/pr/1/default/train", HubAddress("a/b", "refs/pr/1", "default/train")),
        ("a/b@main/data/x.csv", HubAddress("a/b", "main", "data/x.csv")),
    ],
)
def test_addresses(text: str, address: HubAddress) -> None:
    assert address_in(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a/b",
        "a/b@",
        "@main",
        "a/b/c@main",
        "/a/b@main",
        "./a@main",
        "a/b@main/",
        "a/b@main/../x",
        "a b@main",
        "-a@main",
        "a@b@c",
        "https://a/b@main",
        "a/b@main\n",
    ],
)
def test_what_is_no_address(text: str) -> None:
    assert address_in(text) is None


@given(st.text("ab/@.-_ \n~\\", max_size=20))
def test_no_address_leads_out_of_its_folder(text: str) -> None:
    address = address_in(text)
    if address is not None:
        assert Path("/top", address.path).resolve().is_relative_to("/top")
        assert not Path(address.name).is_absolute()
        assert ".." not in Path(address.name).parts


@pytest.mark.parametrize(
    ("folder", "origin"),
    [
        (f"/c/models--a--b/snapshots/{COMMIT}", f"a/b@{COMMIT}"),
        (f"/c/models--gpt2/snapshots/{COMMIT}", f"gpt2@{COMMIT}"),
        (f"/c/datasets--a--b/snapshots/{COMMIT}", None),
        ("/c/models--a--b/snapshots/main", None),
        (f"/c/models--a--b/{COMMIT}", None),
        (f"/c/models--a--b/snapshots/{COMMIT}/onnx", None),
        ("/", None),
    ],
)
def test_origins(folder: str, origin: str | None) -> None:
    assert origin_of(Path(folder)) == origin
    assert model_name(Path(folder)) == (origin or Path(folder).name)


def test_a_folder_is_called_what_its_user_calls_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made0" / "inside").mkdir(parents=True)
    (tmp_path / "bert").symlink_to(tmp_path / "made0")
    assert model_name(tmp_path / "bert") == "bert"
    monkeypatch.chdir(tmp_path / "made0")
    assert model_name(Path()) == model_name(Path("inside/..")) == "made0"
