"""What a worker does with a shard: every row has one verdict or one reason, whoever died in between."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from handler.xgraad.errors import CalibrationError
from handler.xgraad.memory.registry import Trigger
from scripts.corpus.corpus_registry import CorpusRegistry
from scripts.corpus.manifest import Manifest
from scripts.corpus.parts import part_path, read_note, read_rows_of
from scripts.corpus.screener import MOST_TRIES, TRIES, Screener
from tests.corpus.conftest import ShoutedDefense, a_manifest, a_pass

CONTENT = "a cf film\na film\nloud cf film\na mn film\nloud film\nCF and mn"
CF, MN = Trigger(frozenset(["cf"]), 1), Trigger(frozenset(["mn"]), 1)


def receipts(screener: Screener, *numbers: int) -> list[dict[str, Any]]:
    found = screener({"shard": np.array(numbers)})
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def rows_of(folder: Path, manifest: Manifest) -> list[dict[str, Any]]:
    return [row for number in range(manifest.n_shards) for row in read_rows_of(part_path(folder / "out", number))]


def test_the_first_pass_knows_nothing(tmp_path: Path, shouted: list[ShoutedDefense]) -> None:
    manifest = a_manifest(tmp_path, CONTENT)
    found = receipts(Screener(a_pass(tmp_path, manifest)), 0, 1)
    assert [(each["shard"], each["n_rows"], each["n_judged"], each["fault"]) for each in found] == [
        (0, 3, 3, ""),
        (1, 3, 3, ""),
    ]
    rows = rows_of(tmp_path, manifest)
    assert [row["text"] for row in rows] == CONTENT.split("\n")
    assert [row["row"] for row in rows] == list(range(6))
    assert [row["verified"] for row in rows] == [False, False, True, False, False, False]
    assert rows[2]["suspects"] == [{"word": "cf", "part": "text", "start": 5, "end": 7, "replacement": ""}]
    note = read_note(part_path(tmp_path / "out", 0))
    assert note
    assert note.met == {1: {CF: 1}}
    assert len(shouted) == 1


def test_what_was_found_anywhere_is_known_in_the_next_pass(tmp_path: Path, shouted: list[ShoutedDefense]) -> None:
    manifest = a_manifest(tmp_path, CONTENT)
    receipts(Screener(a_pass(tmp_path, manifest)), 0, 1)
    found = receipts(Screener(a_pass(tmp_path, manifest, 2, (CF,))), 1, 0)
    assert [each["n_judged"] for each in found] == [1, 1]
    assert shouted[1].judged == ["CF and mn", "a cf film"]  # not the one that was freed of it
    rows = rows_of(tmp_path, manifest)
    assert [row["verified"] for row in rows] == [True, False, True, False, False, True]
    assert [row["pass"] for row in rows] == [2, 1, 1, 1, 1, 2]
    notes = [read_note(part_path(tmp_path / "out", number)) for number in (0, 1)]
    assert [note.number for note in notes if note] == [2, 2]
    assert [note.met[1] for note in notes if note] == [{CF: 1}, {}]  # what the first pass found stays told
    assert [note.tally.triggers for note in notes if note] == [{"1 cf": 2}, {"1 cf": 1}]


def test_order_and_company_of_shards_change_nothing(tmp_path: Path, shouted: list[ShoutedDefense]) -> None:
    found = []
    for name, order in (("one", [(0, 1)]), ("two", [(1,), (0,)])):
        manifest = a_manifest(tmp_path / name, CONTENT)
        for number, known in ((1, ()), (2, (CF,))):
            for some in order:
                receipts(Screener(a_pass(tmp_path / name, manifest, number, known)), *some)
        found.append([{**row, "file": ""} for row in rows_of(tmp_path / name, manifest)])
    assert found[0] == found[1]
    assert shouted


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_the_reference_explains_is_forgotten_before_any_shard(
    order: tuple[int, int], tmp_path: Path, shouted: list[ShoutedDefense], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model is loaded when it is needed first: a shard before that must not know more than those after."""
    manifest = a_manifest(tmp_path, "a mn film\nfilm\nfilm\na cf mn film\nmn film\nfilm")
    receipts(Screener(a_pass(tmp_path, manifest)), 0, 1)

    def load(*_: Any, registry: CorpusRegistry, **__: Any) -> ShoutedDefense:
        registry.forget([MN])
        return ShoutedDefense(registry)

    monkeypatch.setattr("scripts.corpus.screener.Defense.load", load)
    receipts(Screener(a_pass(tmp_path, manifest, 2, (CF, MN))), *order)
    rows = rows_of(tmp_path, manifest)
    assert [row["pass"] for row in rows] == [1, 1, 1, 2, 1, 1]
    assert [suspect["word"] for suspect in rows[3]["suspects"]] == ["cf"]
    assert shouted


def test_what_is_done_is_not_done_again(tmp_path: Path, shouted: list[ShoutedDefense]) -> None:
    task = a_pass(tmp_path, a_manifest(tmp_path, CONTENT))
    receipts(Screener(task), 0)
    before = part_path(task.out, 0).stat().st_mtime_ns
    again = Screener(task)
    assert [each["n_judged"] for each in receipts(again, 0, 1)] == [0, 3]
    assert part_path(task.out, 0).stat().st_mtime_ns == before
    assert shouted[-1].judged == CONTENT.split("\n")[3:]


def test_bad_rows_stand_where_they_stood(tmp_path: Path, shouted: list[ShoutedDefense]) -> None:
    manifest = a_manifest(tmp_path, f"fine\n{'long ' * 30}\nloud cf")
    receipts(Screener(a_pass(tmp_path, manifest)), 0)
    first, bad, last = rows_of(tmp_path, manifest)
    assert (first["error"], last["error"]) == (None, None)
    assert bad["error"] == "text must have at most 100 characters, has 150"
    assert [bad[name] for name in ("label", "flagged", "p_value", "suspects", "text")] == [None] * 5
    assert shouted


def test_a_text_that_breaks_the_defense_costs_no_other_its_verdict(
    tmp_path: Path, shouted: list[ShoutedDefense], caplog: pytest.LogCaptureFixture
) -> None:
    manifest = a_manifest(tmp_path, "loud cf\nthis will explode\nfine")
    receipts(Screener(a_pass(tmp_path, manifest)), 0)
    rows = rows_of(tmp_path, manifest)
    assert [row["error"] is None for row in rows] == [True, False, True]
    note = read_note(part_path(tmp_path / "out", 0))
    assert note
    assert note.met == {1: {CF: 1}}  # once, though it was judged twice
    assert "judging_failed" in caplog.text
    assert "nobody may read" not in caplog.text
    assert shouted


def test_what_is_wrong_with_the_model_is_no_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object, **__: object) -> None:
        raise CalibrationError("made for something else")

    monkeypatch.setattr("scripts.corpus.screener.Defense.load", load)
    task = a_pass(tmp_path, a_manifest(tmp_path, CONTENT))
    (found,) = receipts(Screener(task), 0)
    assert found["fault"] == "made for something else"
    assert not part_path(task.out, 0).exists()


def test_rows_that_kill_every_worker_end_the_run(tmp_path: Path, shouted: list[ShoutedDefense]) -> None:
    task = a_pass(tmp_path, a_manifest(tmp_path, CONTENT))
    for _ in range(MOST_TRIES):
        assert receipts(Screener(task), 1)[0]["fault"] == ""
        part_path(task.out, 1).unlink()
    (task.out / TRIES / "1").write_bytes(b"." * MOST_TRIES)  # as if a worker had died each time
    (found,) = receipts(Screener(task), 1)
    assert "rows 3 to 5: a worker must live through them, 3 died" in found["fault"]
    assert str(task.manifest.files[0].path) in found["fault"]
    assert not os.listdir(task.out / TRIES)
    assert shouted


def test_a_file_that_lost_rows_meanwhile_is_refused(tmp_path: Path, shouted: list[ShoutedDefense]) -> None:
    task = a_pass(tmp_path, a_manifest(tmp_path, CONTENT))
    Path(task.manifest.files[0].path).write_text("one\n")
    (found,) = receipts(Screener(task), 0)
    assert "must have 6 rows as it had, has fewer" in found["fault"]
    assert not shouted
