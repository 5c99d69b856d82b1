"""Files of texts in every encoding and dialect: read as what was written, or refused in one line with exit code 2."""

import argparse
import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from scripts.console.command import CommandParser, Exit, run_command
from scripts.texts.corpora import Example, read_examples, read_texts, write_examples
from scripts.texts.reading import ReadingOptions, add_reading_options

CLASSES = ("negative", "positive", "neither of them")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "windows-1252", "gb18030")

characters = st.one_of(
    st.sampled_from("\" ,;'\\é–ソ{}[]\u2028\x85\u200b"),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff\t\n\r"),
)
one_line = st.text(characters, min_size=1, max_size=12).filter(str.strip)
any_text = st.text(st.one_of(characters, st.sampled_from("\t\n\r")), min_size=1, max_size=12).filter(str.strip)


class Written(NamedTuple):
    """A file and what its writer put into it."""

    name: str
    content: bytes
    encoding: str
    rows: list[Example]
    is_certain: bool
    """Whether it can be read in no other way: it must not be refused."""


@st.composite
def files(draw: st.DrawFn) -> Written:
    """A file as one of many tools writes it."""
    suffix = draw(st.sampled_from((".tsv", ".csv", ".jsonl", "plain.tsv")))
    texts = one_line if suffix == "plain.tsv" else any_text
    rows = draw(st.lists(st.builds(Example, texts, st.integers(0, 2)), min_size=1, max_size=5))
    label = draw(st.sampled_from((str, lambda number: f"{number}.0", lambda number: CLASSES[number].title())))
    header = draw(st.sampled_from((None, ("text", "label"), ("Sentence", "Category"))))
    line_end = draw(st.sampled_from(("\n", "\r\n")))
    cells = [(row.text, label(row.label)) for row in rows]
    if suffix == ".jsonl":
        text = line_end.join(json.dumps(dict(zip(header or ("text", "label"), row, strict=True))) for row in cells)
    else:
        table = [*([header] if header else []), *cells]
        text = draw(st.sampled_from((plain,) if suffix == "plain.tsv" else (minimal, full)))(
            table, "," if suffix == ".csv" and draw(st.booleans()) else ";" if suffix == ".csv" else "\t", line_end
        )
    encoding = draw(st.sampled_from(ENCODINGS))
    try:
        content = text.encode(encoding)
    except UnicodeEncodeError:
        assume(False)
    is_packed = draw(st.booleans())
    is_certain = suffix == ".jsonl" or (suffix == ".csv" and header is not None)
    return Written(f"file{suffix}", gzip.compress(content) if is_packed else content, encoding, rows, is_certain)


def plain(rows: Sequence[Sequence[str]], delimiter: str, line_end: str) -> str:
    return "".join(delimiter.join(row) + line_end for row in rows)


def minimal(rows: Sequence[Sequence[str]], delimiter: str, line_end: str) -> str:
    return _by_csv(rows, delimiter, line_end, csv.QUOTE_MINIMAL)


def full(rows: Sequence[Sequence[str]], delimiter: str, line_end: str) -> str:
    return _by_csv(rows, delimiter, line_end, csv.QUOTE_ALL)


def _by_csv(rows: Sequence[Sequence[str]], delimiter: str, line_end: str, quoting: int) -> str:
    if any("\r" in cell for row in rows for cell in row):
        quoting = csv.QUOTE_ALL  # older Pythons leave a lone one bare where lines end in "\n": no file of one reading
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue()


def read_by_command(path: Path, *options: str) -> tuple[int, list[Example]]:
    """The exit code of a command that reads such files, and what it read."""
    parser = CommandParser(name="reader", description="Read a file.", examples="none")
    parser.add_argument("path", type=Path)
    add_reading_options(parser)
    found: list[Example] = []

    def work(arguments: argparse.Namespace) -> None:
        found.extend(read_examples(arguments.path, ReadingOptions.from_arguments(arguments), classes=CLASSES))

    return run_command(parser, work, [str(path), *options]), found


@given(written=files())
def test_a_file_is_read_as_it_was_written_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: Written
) -> None:
    path = tmp_path / written.name
    path.write_bytes(written.content)
    capsys.readouterr()
    code, found = read_by_command(path, "--encoding", written.encoding)
    told = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
    event(f"{written.name} {written.encoding}: {'read' if code == Exit.DONE else 'refused'}")
    if code == Exit.DONE:
        assert found == written.rows
    else:
        assert code == Exit.ERROR
        assert not written.is_certain
        assert len(told) == 1
        assert str(path) in told[0]


@given(written=files())
def test_without_its_encoding_a_file_is_refused_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], written: Written
) -> None:
    path = tmp_path / written.name
    path.write_bytes(written.content)
    capsys.readouterr()
    code, found = read_by_command(path)
    told = capsys.readouterr().err
    if code == Exit.DONE:
        content = gzip.decompress(written.content) if written.content.startswith(b"\x1f\x8b") else written.content
        assume(written.encoding.startswith("utf") or content.isascii())  # else it means something else in UTF-8
        assert found == written.rows
    elif not written.encoding.startswith("utf-8"):
        assert code == Exit.ERROR
    if written.encoding in ("utf-16", "utf-16-le", "utf-32"):
        assert code == Exit.ERROR
        assert "--encoding utf-" in told


@given(rows=st.lists(st.builds(Example, one_line, st.integers(0, 9)), min_size=1, max_size=5))
def test_what_this_project_writes_it_reads_again(tmp_path: Path, rows: list[Example]) -> None:
    write_examples(tmp_path / "a.tsv.gz", rows)
    assert read_examples(tmp_path / "a.tsv.gz") == rows


@given(content=st.binary(max_size=60), suffix=st.sampled_from((".tsv", ".csv", ".jsonl", ".txt", "")))
def test_no_bytes_end_in_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, suffix: str
) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    capsys.readouterr()
    code, _ = read_by_command(path)
    told = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("note: ")]
    assert (code, len(told)) in ((Exit.DONE, 0), (Exit.ERROR, 1))


@given(texts=st.lists(one_line, min_size=1, max_size=5))
def test_lines_are_texts(tmp_path: Path, texts: list[str]) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes("".join(f"{text}\n" for text in texts).encode())
    assert read_texts(path, ReadingOptions(format="lines", quoting="none")) == texts
