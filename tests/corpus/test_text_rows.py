"""Rows of text files one after another: what the whole file gives, from any row on; bad ones cost no other."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.console.errors import LabError
from scripts.corpus.corpus_file import CorpusFile, examined, unpacked
from scripts.corpus.layout import HEAD_BYTES
from scripts.corpus.row import CorpusRow
from scripts.corpus.text_rows import LINE_BYTES, ROW_LINES
from scripts.texts.corpora import read_texts
from scripts.texts.reading import AS_FOUND, ReadingOptions

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1).filter(str.strip)
LINES = TEXTS.filter(lambda text: len(text.splitlines()) == 1 and not text.startswith("\ufeff"))
MANY = 10**6


def opened(path: Path, content: bytes | str, *, shard_rows: int = 2, reading: ReadingOptions = AS_FOUND) -> CorpusFile:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return examined(path, reading, shard_rows=shard_rows, progress=lambda _: None)


def rows_of(file: CorpusFile, shard_rows: int = 2, *, max_chars: int = MANY) -> list[CorpusRow]:
    """All rows, each shard read by itself."""
    found: list[CorpusRow] = []
    for index, first in enumerate(range(0, file.n_rows, shard_rows)):
        start = file.starts[index] if file.layout else 0
        n_rows = min(shard_rows, file.n_rows - first)
        found += file.rows(first, n_rows, start, max_chars=max_chars, reading=AS_FOUND)
    assert len(found) == file.n_rows
    return found


def texts_of(file: CorpusFile, shard_rows: int = 2) -> list[str | None]:
    return [row.text for row in rows_of(file, shard_rows)]


def as_csv(texts: list[str], delimiter: str = ",") -> str:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter=delimiter).writerows([("text", "label"), *((text, "0") for text in texts)])
    return written.getvalue()


@given(texts=st.lists(TEXTS, min_size=1, max_size=9), shard_rows=st.integers(1, 4), is_packed=st.booleans())
def test_csv_of_any_texts(tmp_path: Path, texts: list[str], shard_rows: int, is_packed: bool) -> None:
    content = as_csv(texts).encode()
    file = opened(tmp_path / "a.csv", gzip.compress(content) if is_packed else content, shard_rows=shard_rows)
    assert texts_of(file, shard_rows) == texts


@given(texts=st.lists(TEXTS, min_size=1, max_size=9))
def test_json_lines_of_any_texts(tmp_path: Path, texts: list[str]) -> None:
    content = "".join(json.dumps({"id": 1, "text": text}) + "\n\n" for text in texts)
    assert texts_of(opened(tmp_path / "a.jsonl", content)) == texts


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", as_csv(["one, two", 'say "so"', "over\r\ntwo lines", "\u2028 four"])),
        ("a.csv", as_csv(["one; two", "three"], ";")),
        ("a.csv", "good film\nbad film\n"),
        ("a.tsv", "text\tlabel\nfine\t1\nbad\t0\n"),
        ("a.tsv", '"no" is a text\t1\nbad\t0\n'),
        ("a.tsv", as_csv(['say "so"', "tab\there", "three"], "\t")),
        ("a.txt", "one\n\n two \r\nthree"),
        ("a.jsonl", '{"review": "one", "stars": 1}\n{"stars": 2, "review": "two"}\n'),
        ("bom.csv", "\ufefftext,label\none,1\n"),
    ],
)
def test_a_file_reads_as_the_whole_file_does(tmp_path: Path, name: str, content: str) -> None:
    """The slow twin: what all other commands read a file by."""
    file = opened(tmp_path / name, content)
    assert texts_of(file) == read_texts(tmp_path / name)


def test_bad_rows_are_told_and_cost_no_other(tmp_path: Path) -> None:
    content = (
        b'text,label\n"one",1\n"open,1\ntwo,1\ntoo,many,columns\n"\xff",1\n"  ",1\nze\0ro,1\n"over\nlines",1\nthree,1\n'
    )
    rows = rows_of(opened(tmp_path / "a.csv", content))
    assert [row.text for row in rows] == ["one", None, "two", None, None, None, None, "over\nlines", "three"]
    faults = [row.fault or "" for row in rows]
    assert faults[1].startswith("row must be as CSV writers write it")
    assert faults[3:7] == [
        "row must have 2 columns as the first has, has 3",
        "row must be utf-8, but its byte 1 is not",
        "text must hold more than blanks, is empty",
        "row must not hold zero bytes",
    ]


def test_bad_json_rows(tmp_path: Path) -> None:
    lines = ['{"text": "one"}', "{", "[1]", '{"text": 3}', '{"no": "x"}', '{"text": "\\ud800"}', '{"text": "two"}']
    rows = rows_of(opened(tmp_path / "a.jsonl", "\n".join(lines)))
    assert [row.text for row in rows] == ["one", None, None, None, None, None, "two"]
    assert [row.fault for row in rows[1:-1]] == [
        "row must be a JSON object, is none",
        "row must be a JSON object, is a list",
        "text must be a string, is a int",
        "text must be a string, is missing",
        "text must be valid Unicode, character 0 is a lone surrogate",
    ]


def test_what_never_ends_is_one_bad_row(tmp_path: Path) -> None:
    lines = [f"text {number},1" for number in range(ROW_LINES + 5)]
    content = "\n".join(["text,label", '"never ends,1', *lines, "x" * (LINE_BYTES + 5), "last,1", ""])
    rows = rows_of(opened(tmp_path / "a.csv", content, shard_rows=100), 100)
    bad = [place for place, row in enumerate(rows) if row.fault]
    assert bad == [0, len(lines) + 1]
    assert [rows[1].text, rows[-1].text] == ["text 0", "last"]


def test_long_texts_are_bad_rows(tmp_path: Path) -> None:
    file = opened(tmp_path / "a.txt", "123\n1234\n")
    first, second = rows_of(file, max_chars=3)
    assert (first.text, second.fault) == ("123", "text must have at most 3 characters, has 4")


def test_quotes_that_come_late_and_may_be_read_in_two_ways_are_not_guessed(tmp_path: Path) -> None:
    early = "text\tlabel\n" + f"{'fine ' * 200}\t1\n" * (HEAD_BYTES // 1000)
    rows = rows_of(opened(tmp_path / "a.tsv", early + '"fine"\t1\n', shard_rows=500), 500)
    assert [row.fault for row in rows if row.fault] == [
        "quotes may belong to the text or stand around it; say --quoting none or --quoting csv"
    ]


@pytest.mark.parametrize(
    ("name", "content", "reading", "message"),
    [
        ("a.csv", b"", AS_FOUND, "holds no rows"),
        ("a.csv", b"text,label\n", AS_FOUND, "holds no rows"),
        ("a.csv", b"a,label\nfine,1\n", AS_FOUND, "looks like a header"),
        ("a.csv", b"text\rone\rtwo", AS_FOUND, "line feeds"),
        ("a.csv", "text\none\n".encode("utf-16"), AS_FOUND, "must be UTF-8"),
        ("a.csv", b"text\none\n", ReadingOptions(encoding="utf-16"), "save it as UTF-8"),
        ("a.jsonl", b"[]\n", AS_FOUND, "must hold JSON objects"),
        ("a.jsonl", b'{"a": 1}\n', AS_FOUND, "name known for texts"),
        ("a.csv", gzip.compress(b"text\none\n", mtime=0)[:-9], AS_FOUND, "cannot be read"),
        ("a.parquet", b"PAR1 and no more", AS_FOUND, "whole Parquet file"),
    ],
)
def test_a_file_whose_beginning_says_nothing_is_refused(
    tmp_path: Path, name: str, content: bytes, reading: ReadingOptions, message: str
) -> None:
    with pytest.raises(LabError, match=message) as refused:
        opened(tmp_path / name, content, reading=reading)
    assert str(tmp_path / name) in str(refused.value)


def test_pairs(tmp_path: Path) -> None:
    reading = ReadingOptions(text_column="premise", pair_column="claim")
    content = "premise,claim\none,two\n,three\n"
    first, second = rows_of(opened(tmp_path / "a.csv", content, reading=reading))
    assert first.text == "one\ufdd0two"
    assert second.fault == "text must hold more than blanks, is empty"


def test_other_encodings(tmp_path: Path) -> None:
    reading = ReadingOptions(encoding="windows-1252")
    assert texts_of(opened(tmp_path / "a.csv", "text\ncafé\n".encode("cp1252"), reading=reading)) == ["café"]


def test_packed_files_are_known_by_their_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(gzip.compress(b"text"))
    with unpacked(path) as stream:
        assert stream.read() == b"text"
