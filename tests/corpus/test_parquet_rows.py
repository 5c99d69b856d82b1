"""Rows of a Parquet file by their numbers, over row groups; what is damaged is told row by row."""

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from scripts.console.errors import LabError
from scripts.corpus.parquet_rows import ParquetRows
from scripts.texts.reading import AS_FOUND, ReadingOptions
from scripts.texts.records import Source

TEXTS = [f"text {number}" for number in range(700)]


def written(path: Path, column: object = None, *, group: int = 300) -> Path:
    table = pyarrow.table({"id": list(range(len(TEXTS))), "text": TEXTS if column is None else column})
    pyarrow.parquet.write_table(table, path, row_group_size=group, write_page_checksum=True, compression="none")
    return path


def opened(path: Path, reading: ReadingOptions = AS_FOUND) -> ParquetRows:
    return ParquetRows(path, Source(name=str(path), reading=reading))


@pytest.mark.parametrize("first", [0, 1, 255, 256, 299, 300, 301, 555, 690, 699])
@pytest.mark.parametrize("n_rows", [1, 10, 400])
def test_any_rows(tmp_path: Path, first: int, n_rows: int) -> None:
    rows = opened(written(tmp_path / "a.parquet"))
    assert rows.n_rows == len(TEXTS)
    assert [row.text for row in rows.read(first, n_rows, max_chars=99)] == TEXTS[first : first + n_rows]


def test_what_is_no_text_is_a_bad_row(tmp_path: Path) -> None:
    column = pyarrow.array([b"fine", None, b" ", b"\xff", b"longer"] * 140, pyarrow.binary()).view(pyarrow.utf8())
    rows = list(opened(written(tmp_path / "a.parquet", column)).read(0, 5, max_chars=5))
    assert [row.text for row in rows] == ["fine", None, None, None, None]
    assert [row.fault for row in rows[1:]] == [
        "text must be a string, is missing",
        "text must hold more than blanks, is empty",
        "text must be UTF-8, is not",
        "text must have at most 5 characters, has 6",
    ]


def test_damaged_pages_cost_their_own_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet")
    content = bytearray(path.read_bytes())
    content[content.index(b"text 350") + 5] ^= 1
    path.write_bytes(content)
    rows = opened(path)
    found = list(rows.read(0, 700, max_chars=99))
    assert len(found) == 700
    assert [row.text for row in found[:300]] == TEXTS[:300]
    assert [row.text for row in found[600:]] == TEXTS[600:]
    assert {row.fault for row in found[300:600]} == {"row must stand in a whole Parquet file, is damaged there"}


def test_a_disk_that_fails_is_no_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = opened(written(tmp_path / "a.parquet"))

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(rows, "_cells", fail)
    with pytest.raises(OSError, match="Input/output"):
        list(rows.read(0, 1, max_chars=9))


def test_columns_that_hold_no_strings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="'id' must hold strings, holds int64"):
        opened(written(tmp_path / "a.parquet"), ReadingOptions(text_column="id"))
    with pytest.raises(LabError, match="'id' must hold strings, holds int64"):
        opened(tmp_path / "a.parquet", ReadingOptions(text_column="text", pair_column="id"))
