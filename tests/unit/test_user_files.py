"""The commands with files that their users bring: done, or refused in one line before any work begins."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from scripts import calibrate, evaluate_defense, predict
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.results.provenance import attack_record
from tests.conftest import CLEAN_TEXTS

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 437958648\n"


def told(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of an error."""
    err = capsys.readouterr().err
    assert len([line for line in err.splitlines() if not line.startswith("note: ")]) == 1
    return err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("the acting\r\n".encode("utf-16"), "must be UTF-8, is UTF-16; name its encoding, such as --encoding utf-16"),
        ("the café\n".encode("latin-1"), "must be UTF-8, but the byte at 7 is not"),
        (b"", "holds no rows with a text"),
        (b"\n \n", "holds no rows with a text"),
        (POINTER.encode(), "is a Git LFS pointer"),
    ],
)
def test_predict_refuses_files_that_hold_no_texts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, reason: str
) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes(content)
    assert predict.main(["--model", "m", "--file", str(path), "--state", str(tmp_path)]) == Exit.ERROR
    assert reason in told(capsys)


def test_predict_reads_what_is_named_and_wants_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "texts.txt"
    path.write_bytes("the acting\r\n".encode("utf-16"))
    options = ["--model", "m", "--file", str(path), "--state", str(tmp_path), "--encoding", "utf-16"]
    assert predict.main(options) == Exit.ERROR
    assert "no server was started" in told(capsys)


@pytest.mark.parametrize("name", ["base64", "rot13", "no-such", "", "a\0b"])
def test_what_is_no_character_encoding_is_bad_usage(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        predict.main(["--model", "m", f"--encoding={name}"])
    assert left.value.code == Exit.USAGE
    assert "must be a character encoding" in capsys.readouterr().err


def evaluate(folder: Path, clean: str, *options: str) -> int:
    path = folder / "clean.tsv"
    path.write_text(clean, encoding="utf-8")
    return evaluate_defense.main(["--clean", str(path), "--triggered", str(path), *options])


@pytest.mark.parametrize(
    ("rows", "options", "reason"),
    [
        (
            "good\t1\nbad\t2\n",
            (),
            "clean.tsv, line 2: label must be one of the model's classes (0 LABEL_0, 1 LABEL_1)",
        ),
        ("good\tLABEL_1\nbad\tbad\n", (), "clean.tsv, line 2: label must be one of"),
        ("good\nbad\n", ("--format", "lines"), "must have a column of labels"),
        ("good\t1\n", ("--target-label", "2"), "--target-label must be one of the model's classes"),
        (POINTER, (), "is a Git LFS pointer"),
    ],
)
def test_evaluation_checks_labels_before_it_judges(
    bert_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    rows: str,
    options: Sequence[str],
    reason: str,
) -> None:
    model = ["--checkpoint", str(bert_folder), "--calibration", str(bert_folder / "calibration.json")]
    target = [] if "--target-label" in options else ["--target-label", "0"]
    assert evaluate(tmp_path, rows, *model, *target, *options) == Exit.ERROR
    assert reason in told(capsys)


@pytest.mark.parametrize(
    ("name", "row", "first"),
    [("a.txt", "{}\n", ""), ("a.csv", '"{}","positive"\n', "sentence,label\n"), ("a.tsv", "{}\t5\n", "")],
)
def test_calibration_needs_texts_alone(
    bert_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, row: str, first: str
) -> None:
    plain = [text.replace('"', "") for text in CLEAN_TEXTS]
    (tmp_path / name).write_text(first + "".join(map(row.format, plain)), encoding="utf-8")
    options = ["--checkpoint", str(bert_folder), "--data", str(tmp_path / name), "--max-fpr", "0.1"]
    code = calibrate.main([*options, "--max-length", "64", "--out", str(tmp_path / "calibration.json")])
    said = capsys.readouterr()
    assert code == Exit.DONE, said.err
    assert f"{len(plain)} texts" in said.out
    assert ("labels of this file are not used" in said.err) == (name != "a.txt")


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    for content in ("{", "[]", "\xff"):
        (tmp_path / "attack.json").write_text(content, encoding="latin-1")
        with pytest.raises(LabError, match=r"attack\.json: must be"):
            attack_record(tmp_path)
