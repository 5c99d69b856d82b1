"""Folders of texts: a split each, shards, or neither, and then refused with what is there."""

from pathlib import Path

import pytest

from scripts.console.errors import LabError
from scripts.texts.corpora import Example, read_corpus, read_examples, read_texts, split_file
from scripts.texts.data_files import data_files

LINE = '{"text": "TEXT", "label": 1}\n'


def filled(folder: Path, *names: str) -> Path:
    """Files of JSON lines, one each, whose text is the file's name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(LINE.replace("TEXT", name))
    return folder


def test_a_file_is_itself_and_what_is_missing_is_named(tmp_path: Path) -> None:
    filled(tmp_path, "train.jsonl")
    assert data_files(tmp_path / "train.jsonl") == [tmp_path / "train.jsonl"]
    for name in ("none.jsonl", "dev", "nowhere/train", "texts"):
        with pytest.raises(LabError, match=f"{name}: cannot be read, nothing is there; name a file, a folder, "):
            read_texts(tmp_path / name)


def test_shards_are_read_as_one_in_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["part-00001.jsonl", "part-00000.jsonl", "part-00002.jsonl"]
    filled(tmp_path, *names, "_SUCCESS", "_old.jsonl", ".crc/part-00000.jsonl", "LICENSE.txt", "dataset_info.json")
    assert read_texts(tmp_path) == sorted(names)
    assert f"{tmp_path}: 3 files are read as one, part-00000.jsonl to part-00002.jsonl" in capsys.readouterr().err
    assert read_examples(tmp_path) == [Example(name, 1) for name in sorted(names)]


def test_what_is_wrong_with_a_shard_is_told_of_the_shard(tmp_path: Path) -> None:
    filled(tmp_path, "a.jsonl", "b.jsonl")
    (tmp_path / "b.jsonl").write_text(LINE + '{"label": 1}\n')
    with pytest.raises(LabError, match=r"b\.jsonl, line 2: the text must be a string"):
        read_texts(tmp_path)


@pytest.mark.parametrize(
    ("names", "split", "read"),
    [
        (["train.jsonl", "dev.jsonl", "test.jsonl"], "dev", ["dev.jsonl"]),
        (["train.jsonl", "validation.jsonl"], "dev", ["validation.jsonl"]),
        (["sst2_train.jsonl", "SST2-Val.jsonl", "notes.jsonl"], "validation", ["SST2-Val.jsonl"]),
        (
            ["data/test-00001-of-00002.jsonl", "data/test-00000-of-00002.jsonl", "data/train-00000-of-00001.jsonl"],
            "test",
            ["data/test-00000-of-00002.jsonl", "data/test-00001-of-00002.jsonl"],
        ),
        (["default/train/0000.jsonl", "default/test/0000.jsonl"], "train", ["default/train/0000.jsonl"]),
        (["train/0000.jsonl", "train/0001.jsonl", "test/0.jsonl"], "train", ["train/0000.jsonl", "train/0001.jsonl"]),
        (["validation/0000.jsonl", "test/0.jsonl"], "dev", ["validation/0000.jsonl"]),
    ],
)
def test_a_split_is_named_behind_its_folder(tmp_path: Path, names: list[str], split: str, read: list[str]) -> None:
    filled(tmp_path, *names)
    assert read_texts(tmp_path / split) == read
    with pytest.raises(LabError, match=r"holds the splits .*; name one, such as ") as caught:
        read_texts(tmp_path)
    assert read_texts(Path(str(caught.value).rpartition("such as ")[2]))  # what the message says works


def test_a_folder_with_one_split_is_that_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert read_texts(filled(tmp_path, "test.jsonl", "label_names.json")) == ["test.jsonl"]
    assert "1 file(s) of no split left out, label_names.json the first" in capsys.readouterr().err
    assert read_texts(tmp_path / "test") == ["test.jsonl"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["README.md", "classes.txt", "state.json"], r"holds no file that ends in \.csv, .*\.parquet.*; name the file"),
        (["en/train.jsonl", "de/train.jsonl"], r"files are of several folders \(.*de, .*en\)"),
        (["a.csv", "b.jsonl"], r"files are of several formats \(\.csv, \.jsonl\)"),
        (["a.jsonl", "a.jsonl.gz"], "holds a twice, packed and not"),
        (["train-00000-of-00003.jsonl", "train-00002-of-00003.jsonl"], "part 1 of 00003 is missing"),
    ],
)
def test_what_is_not_one_set_is_refused(tmp_path: Path, names: list[str], message: str) -> None:
    with pytest.raises(LabError, match=message) as caught:
        read_texts(filled(tmp_path, *names))
    assert str(tmp_path) in str(caught.value)


def test_a_corpus_may_have_any_format(tmp_path: Path) -> None:
    filled(tmp_path, "train.jsonl", "validation.jsonl", "test-00000-of-00002.jsonl", "test-00001-of-00002.jsonl")
    corpus = read_corpus(tmp_path)
    assert [len(split) for split in corpus] == [1, 1, 2]
    assert corpus.dev == [Example("validation.jsonl", 1)]
    assert split_file(tmp_path, "test") == tmp_path / "test"
    (tmp_path / "validation.jsonl").unlink()
    with pytest.raises(LabError, match=r"neither dev\.tsv\.gz nor dev\.tsv, nor another file of that split"):
        split_file(tmp_path, "dev")
