"""Counts over parts are the counts over all rows, and survive their way through a part."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.xgraad.memory.registry import Trigger
from scripts.console.errors import LabError
from scripts.corpus.judged_rows import RowPlace, error_row, table_of, verdict_row
from scripts.corpus.parts import PartNote, read_note, read_rows_of, remove_unfinished, write_part
from scripts.corpus.tally import Tally, at, name_of, tallied
from tests.samples import a_verdict

CF, PAIR = Trigger(frozenset(["cf"]), 1), Trigger(frozenset(["cf", "mn"]), 1)
TEXT = "a cf film"
ROWS = [
    verdict_row(RowPlace("a", 0), TEXT, a_verdict(TEXT, acted=True), 2),
    error_row(RowPlace("a", 1), "text must be a string, is missing", 1),
    verdict_row(RowPlace("b", 0), TEXT, a_verdict(TEXT, flagged=True), 1),
    verdict_row(RowPlace("b", 1), TEXT, a_verdict(TEXT), 1),
]


def tally_of(rows: list[dict[str, Any]]) -> Tally:
    return tallied(rows, [row["text"] for row in rows], [CF, PAIR])


def test_counts_by_hand() -> None:
    found = tally_of(ROWS)
    assert (found.n_rows, found.n_errors, found.n_verified, found.n_flagged, found.n_again) == (4, 1, 1, 2, 1)
    assert found.errors == {"text must be a string": 1}
    assert found.labels == {"bad": 1, "good": 2}
    assert found.undefended_labels == {"good": 3}
    assert found.p_values.total() == 3
    assert found.triggers == {name_of(CF): 1}  # of the pair one word is missing
    assert found.tenths == {at(name_of(CF), 2): 1}  # the third of nine characters
    assert found.files == {"a": 1, "b": 0}


@given(st.lists(st.sampled_from(ROWS), max_size=8), st.integers(0, 8))
def test_parts_add_up(rows: list[dict[str, Any]], cut: int) -> None:
    parts = tally_of(rows[:cut])
    parts.add(Tally.of_document(tally_of(rows[cut:]).document()))
    assert parts == tally_of(rows)


def test_a_part_holds_its_rows_and_its_note(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    assert read_note(path) is None
    note = PartNote(number=2, tally=tally_of(ROWS), met={1: Counter({CF: 3, PAIR: 1}), 2: Counter()})
    write_part(path, table_of(ROWS, keep_text=True), note)
    assert read_rows_of(path) == ROWS
    assert read_note(path) == note
    write_part(path, table_of(ROWS, keep_text=False), note)
    assert all("text" not in row for row in read_rows_of(path))
    assert [each.name for each in tmp_path.iterdir()] == ["part.parquet"]


def test_what_is_no_part_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "part.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(LabError, match="must be a part"):
        read_note(path)


def test_half_written_parts_go(tmp_path: Path) -> None:
    (tmp_path / "verdicts").mkdir()
    for name in (".x.tmp", "part-1.parquet"):
        (tmp_path / "verdicts" / name).write_bytes(b"")
    remove_unfinished(tmp_path)
    assert [path.name for path in (tmp_path / "verdicts").iterdir()] == ["part-1.parquet"]
