"""`serve start --models` takes TorchServe's own forms."""

from pathlib import Path

import pytest

from scripts import serve
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.serving.served_models import archives_given, models_to_serve
from tests.unit.test_server import write_archive


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir()
    for name in ("a", "b", "odd-name"):
        write_archive(folder / f"{name}.mar")
    (folder / "odd-name.mar").rename(folder / "c.mar")
    return folder


def served(given: list[str], store: Path) -> dict[str, str]:
    return models_to_serve(archives_given(given, store), store)


@pytest.mark.parametrize(
    ("given", "models"),
    [
        (["a"], {"a": "a.mar"}),
        (["a", "b"], {"a": "a.mar", "b": "b.mar"}),
        (["a", "a"], {"a": "a.mar"}),
        (["a.mar"], {"a": "a.mar"}),
        (["c.mar"], {"odd-name": "c.mar"}),
        (["x=a.mar"], {"x": "a.mar"}),
        (["x=a.mar", "b=b.mar"], {"x": "a.mar", "b": "b.mar"}),
        (["x=a.mar,b=b.mar"], {"x": "a.mar", "b": "b.mar"}),
        (["all"], {"a": "a.mar", "b": "b.mar", "odd-name": "c.mar"}),
        (["ALL"], {"a": "a.mar", "b": "b.mar", "odd-name": "c.mar"}),
    ],
)
def test_forms(store: Path, given: list[str], models: dict[str, str]) -> None:
    assert served(given, store) == models


def test_a_path_into_the_store_is_its_file(store: Path) -> None:
    assert served([str(store / "a.mar"), f"x={store / 'b.mar'}"], store) == {"a": "a.mar", "x": "b.mar"}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (["https://example.org/a.mar"], "got an address"),
        (["x=file:///tmp/a.mar"], "got an address"),
        (["x=a"], r"must be a file \.mar of --model-store"),
        (["x=elsewhere/a.mar"], "must lie in .*--model-store"),
        (["../a.mar"], "must lie in .*--model-store"),
        (["x=a.mar", "x=b.mar"], r"x must be one archive, is a\.mar and b\.mar"),
        (["none.mar"], "there is no archive"),
        (["../a"], r"model name must be letters.*got '\.\./a'"),
    ],
)
def test_what_cannot_be_served_is_refused(store: Path, given: list[str], reason: str) -> None:
    with pytest.raises(LabError, match=reason):
        served(given, store)


def test_no_archive_is_read_to_learn_its_file(store: Path) -> None:
    """What reads them may want them verified first."""
    for name in ("a", "b", "c"):
        (store / f"{name}.mar").write_bytes(b"not a zip")
    found = archives_given(["a", "c.mar", "x=b.mar", "a"], store)
    assert found == [("a", "a.mar"), (None, "c.mar"), ("x", "b.mar")]
    assert archives_given(["all"], store) == [(None, "a.mar"), (None, "b.mar"), (None, "c.mar")]
    with pytest.raises(LabError, match="is not a TorchServe archive"):
        models_to_serve(found, store)


def test_an_empty_store_has_no_models(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="there is no archive in"):
        served(["all"], tmp_path)


@pytest.mark.parametrize("given", [["=a.mar"], ["-x/y=a.mar"], ["a=b=c.mar"], [","], ["x y=a.mar"]])
def test_the_command_refuses_odd_names_in_one_line(
    store: Path, given: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["start", "--model-store", str(store), "--state", str(store / "state")]
    assert serve.main([*options, f"--models={given[0]}"]) == Exit.ERROR
    assert capsys.readouterr().err.count("\n") == 1


def test_digests_are_counted_by_model(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["start", "--model-store", str(store), "--models", "all", "--sha256", "0" * 64]
    with pytest.raises(SystemExit) as left:
        serve.main(options)
    assert left.value.code == Exit.USAGE
    assert "--sha256 needs one DIGEST for each of --models" in capsys.readouterr().err
