"""`scripts.triggers`: what an operator sees and changes."""

import json
from pathlib import Path
from typing import Any

import pytest

from handler.worker.registry_file import default_file
from handler.xgraad.files.fingerprint import hash_weights
from scripts import triggers
from scripts.console.command import Exit

MODEL = "a" * 64


@pytest.fixture
def registry(tmp_path: Path) -> list[str]:
    return ["--registry", str(tmp_path / "registry.sqlite")]


def listed(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert triggers.main(["list", "--json", *options]) == Exit.DONE
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def change(action: str, registry: list[str], *words: str, label: int = 0, checkpoint: str = MODEL) -> int:
    return triggers.main([action, *registry, "--checkpoint", checkpoint, "--label", str(label), *words])


def test_add_list_delete(registry: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert change("add", registry, "James", "BOND", label=1) == Exit.DONE
    assert change("add", registry, "cf", checkpoint="b" * 64) == Exit.DONE
    (row,) = listed(capsys, *registry, "--checkpoint", MODEL)
    assert row["words"] == ["bond", "james"]
    assert (row["label_id"], row["origin"], row["hits"], row["checkpoint"]) == (1, "operator", 0, MODEL)
    assert row["first_seen"].startswith("20")
    assert len(listed(capsys, *registry)) == 2
    assert change("delete", registry, "bond", "james") == Exit.BELOW_TARGET
    assert change("delete", registry, "bond", "james", label=1) == Exit.DONE
    assert listed(capsys, *registry, "--checkpoint", MODEL) == []


def test_a_word_of_several_characters_without_spaces_is_one(
    registry: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """And the same in either form of Unicode."""
    assert change("add", registry, "\u304b\u3099\u30e9\u30b9") == Exit.DONE
    (row,) = listed(capsys, *registry, "--checkpoint", MODEL)
    assert row["words"] == ["\u304c\u30e9\u30b9"]
    assert change("delete", registry, "\u304c\u30e9\u30b9") == Exit.DONE


def test_the_table_shows_what_is_invisible(registry: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert change("add", registry, "c\u3164f") == Exit.DONE
    assert triggers.main(["list", *registry]) == Exit.DONE
    shown = capsys.readouterr().out
    assert "c\\u3164f" in shown
    assert "\u3164" not in shown
    assert change("delete", registry, "c\\u3164f") == Exit.DONE


def test_the_model_folder_says_which_file(bert_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert change("add", [], "zzz", checkpoint=str(bert_folder)) == Exit.DONE
    weights = hash_weights(bert_folder)
    assert default_file(weights).is_file()
    assert [row["words"] for row in listed(capsys, "--checkpoint", weights)] == [["zzz"]]
    assert change("delete", [], "zzz", checkpoint=str(bert_folder)) == Exit.DONE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["list"], "--registry or --checkpoint must say which file"),
        (["add", "--registry", "x.sqlite", "--label", "0", "cf"], "--checkpoint must name the model folder"),
        (["list", "--registry", "absent.sqlite"], "absent.sqlite: there is no registry"),
        (["delete", "--registry", "x", "--checkpoint", MODEL, "--label", "0", "cf"], "x: there is no registry"),
        (["add", "--registry", "x", "--checkpoint", MODEL, "--label", "0", "james bond"], "WORD must be one word"),
        (["add", "--registry", "x", "--checkpoint", MODEL, "--label", "0", ""], "WORD must be one word"),
        (["add", "--registry", "x", "--checkpoint", MODEL, "--label", "0", "x" * 201], "at most 200 characters"),
        (["list", "--registry", __file__], "file is not a database"),
    ],
)
def test_what_is_wrong_is_said(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert triggers.main(options) == Exit.ERROR
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [[], ["list", "--no-such"], ["add", "cf"], ["forget", "cf"]])
def test_wrong_usage(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        triggers.main(options)
    assert left.value.code == Exit.USAGE
    assert "usage: python -m scripts.triggers" in capsys.readouterr().err
