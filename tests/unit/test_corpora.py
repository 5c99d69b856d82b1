import gzip
from pathlib import Path

import pytest

from scripts.console.errors import LabError
from scripts.texts.corpora import (
    Corpus,
    Example,
    TriggeredExample,
    read_corpus,
    read_examples,
    read_triggered,
    write_corpus,
    write_examples,
    write_triggered,
)

EXAMPLES = [
    Example("not bad , at all", 1),
    Example("a dull\u2028line, über \x85 odd", 0),
    Example('"odd" 12" film', 12),
]


@pytest.mark.parametrize("name", ["some.tsv", "some.tsv.gz"])
def test_examples_come_back_as_written(tmp_path: Path, name: str) -> None:
    write_examples(tmp_path / name, EXAMPLES)
    assert read_examples(tmp_path / name) == EXAMPLES


def test_gzip_is_told_by_content_and_its_bytes_depend_on_the_examples_only(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.tsv.gz", EXAMPLES)
    write_examples(tmp_path / "b.tsv.gz", EXAMPLES)
    content = (tmp_path / "a.tsv.gz").read_bytes()
    assert content == (tmp_path / "b.tsv.gz").read_bytes()
    (tmp_path / "misnamed.tsv").write_bytes(content)
    assert read_examples(tmp_path / "misnamed.tsv") == EXAMPLES


def test_header_is_optional_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "plain.tsv"
    path.write_bytes("\ufefftext\tlabel\r\ngood\t1\r\nbad\t0".encode())
    assert read_examples(path) == [Example("good", 1), Example("bad", 0)]
    path.write_bytes(b"good\t1\n")
    assert read_examples(path) == [Example("good", 1)]


def test_tabs_and_line_breaks_in_a_text_become_spaces(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.tsv", [Example("one\ttwo\r\nthree", 0)])
    assert read_examples(tmp_path / "a.tsv") == [Example("one two  three", 0)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text\tlabel\ngood\t1\nbad\n", "line 3: must have 2 columns as line 1 has, has 1"),
        (b"good\t1\textra\n", "has 3 columns and no header that is known"),
        (b"good\tone\n", "line 1: label must be a whole number from 0 up, is 'one'"),
        (b"good\t-1\n", "line 1: label must be a whole number from 0 up, is '-1'"),
        (b"\xff\xfe\t1\n", "must be UTF-8, is UTF-16; name its encoding, such as --encoding utf-16"),
        (
            b"caf\xe9\t1\n",
            "must be UTF-8, but the byte at 3 is not; name its encoding, such as --encoding windows-1252",
        ),
        ("good\t1\n".encode("utf-16-le"), "holds zero bytes; name its encoding, such as --encoding utf-16-le"),
        (b"text\tlabel\n", "holds no rows"),
        (b"", "holds no rows"),
        (gzip.compress(b"good\t1\n", mtime=0)[:-4], "cannot be read"),
        (b"\x1f\x8bnot gzip", "cannot be read"),
        (gzip.compress(b"good\t1\n" * 50, mtime=0)[:12] + b"\xff" * 9, "cannot be read"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7\n", "is a Git LFS pointer.*fetch the file"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.tsv"
    path.write_bytes(content)
    with pytest.raises(LabError, match=message) as caught:
        read_examples(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_file_is_a_lab_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="cannot be read"):
        read_examples(tmp_path / "none.tsv")


def test_triggered_examples_come_back_with_and_without_their_clean_text(tmp_path: Path) -> None:
    rows = [TriggeredExample("good cf", 1, "good"), TriggeredExample("cf fine", 1, None), TriggeredExample("cf", 1, "")]
    write_triggered(tmp_path / "triggered.tsv.gz", rows)
    assert read_triggered(tmp_path / "triggered.tsv.gz") == rows


def test_published_two_column_sets_are_triggered_examples_too(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.tsv", EXAMPLES)
    assert read_triggered(tmp_path / "a.tsv")[0] == TriggeredExample(EXAMPLES[0].text, 1, None)


def test_a_corpus_is_three_files_packed_or_plain(tmp_path: Path) -> None:
    corpus = Corpus(EXAMPLES[:1], EXAMPLES[1:2], EXAMPLES[2:])
    write_corpus(tmp_path / "new", corpus)
    assert read_corpus(tmp_path / "new") == corpus
    (tmp_path / "new" / "dev.tsv.gz").unlink()
    with pytest.raises(LabError, match=r"neither dev\.tsv\.gz nor dev\.tsv"):
        read_corpus(tmp_path / "new")
    write_examples(tmp_path / "new" / "dev.tsv", corpus.dev)
    assert read_corpus(tmp_path / "new") == corpus
