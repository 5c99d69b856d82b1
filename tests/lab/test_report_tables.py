"""Tables of the report: the latest row counts, empty cells stay empty, failures say so, numbers tell whose they are."""

import re
from pathlib import Path

import pytest

from scripts.lab.defenses import DEFENSES
from scripts.lab.evaluation.metrics import rate_interval
from scripts.lab.grid.grid_rows import one_per_victim, read_cells, select
from scripts.lab.report.all_defenses import costs_beside_the_paper, defenses_compared
from scripts.lab.report.entries import Entry
from scripts.lab.report.tables import Table, beside_the_paper, clean_models, every_cell, other_attacks
from scripts.results.rows import append_row
from scripts.tables import published
from tests.lab.report_rows import a_cell, a_failed_cell, in_table

UNDEFENDED, PUBLISHED, PAPER, VERIFIED = 0, 11, 12, 13
"""Places in a row beside the paper: of no defense, of the paper's own, of its rule here, and of the default one."""


def entries(table: Table, *headings: str) -> tuple[Entry, ...]:
    """The entries of the row with these heads, spanning ones of rows above included."""
    current: dict[int, str] = {}
    for line in table.lines:
        start = len(table.labels) - len(line.headings)
        current |= {start + place: heading.text for place, heading in enumerate(line.headings)}
        if tuple(current[place] for place in range(len(table.labels))) == headings:
            return line.entries
    raise AssertionError(f"no row {headings}")


def test_the_latest_row_of_a_cell_counts(tmp_path: Path) -> None:
    path = tmp_path / "grid.jsonl"
    for row in (a_cell(asr=0.5), a_cell(defense="verified"), a_cell(asr=0.125)):
        append_row(path, row)
    assert [(row["defense"], row["asr_cold"]) for row in read_cells(path)] == [("paper", 0.125), ("verified", 0.25)]
    assert read_cells(tmp_path / "missing.jsonl") == []


def test_another_target_or_insertion_is_another_cell(tmp_path: Path) -> None:
    path = tmp_path / "grid.jsonl"
    for target, insertion in ((0, "one"), (1, "one"), (0, "three"), (0, "one")):
        append_row(path, a_cell(target=target, insertion=insertion))
    rows = read_cells(path)
    assert [(row["target"], row["insertion"]) for row in rows] == [(0, "one"), (1, "one"), (0, "three")]
    assert [row["target"] for row in one_per_victim(rows)] == [0, 1]


def test_only_the_usual_rows_stand_beside_the_paper() -> None:
    rows = [
        a_cell(target=0, insertion="one", asr=0.125),
        a_cell(target=1, insertion="one", asr=0.5),
        a_cell(target=0, insertion="three", asr=0.75),
    ]
    assert entries(beside_the_paper(1, rows), "BERT", "BadNets", "ASR")[PAPER] == Entry("0.125", "measured")
    table = other_attacks(rows)
    assert [line.headings[0].text for line in table.lines] == ["badnets (three)", "badnets, target 1"]
    assert entries(table, "badnets, target 1", "SST-2", "BERT")[1] == Entry("0.500", "measured")
    listed = every_cell([a_cell(), a_cell("none", target=None, insertion="one")])
    assert [[head.text for head in line.headings[-2:]] for line in listed.lines] == [["", ""], ["", "one"]]


def test_one_row_stands_for_a_victim() -> None:
    rows = [
        a_cell(seed=1),
        a_failed_cell(defense="verified", seed=1),
        a_cell(seed=0),
        a_cell(defense="verified", seed=0),
    ]
    assert [(row["seed"], row["status"]) for row in one_per_victim(rows)] == [(0, "measured"), (1, "measured")]
    assert [row["seed"] for row in select(rows, defense="paper")] == [0, 1]


def test_a_cell_not_run_is_empty() -> None:
    table = beside_the_paper(1, [])
    assert {entry.kind for line in table.lines for entry in line.entries} == {"published", "empty"}
    places = (PUBLISHED, UNDEFENDED, PAPER, VERIFIED)
    found = entries(table, "BERT", "BadNets", "ASR")
    assert [found[place].text for place in places] == ["0.0", "not run", "not run", "not run"]
    found = entries(beside_the_paper(1, [a_cell(), a_cell(defense="onion", asr=0.5)]), "BERT", "BadNets", "ASR")
    assert [found[place].text for place in places] == ["0.0", "1.000", "0.250", "not run"]
    assert [entry.text for entry in found[1:5]] == ["0.142", "0.500", "0.002", "not run"]
    missing = entries(beside_the_paper(3, []), "DeBERTa", "LWS", "ASR")
    assert [(entry.text, entry.kind) for entry in missing[9:11]] == [("–", "empty"), ("not run", "empty")]


def test_a_failed_attack_says_so() -> None:
    table = beside_the_paper(1, [a_failed_cell(), a_failed_cell(defense="verified")])
    asr, cacc = (entries(table, "BERT", "BadNets", figure) for figure in ("ASR", "CACC"))
    assert asr[UNDEFENDED] == Entry("0.500", "failed", ("attack failed",))
    assert asr[PAPER] == asr[VERIFIED] == cacc[PAPER] == Entry("attack failed", "failed")
    assert cacc[UNDEFENDED] == Entry("0.750", "measured")


def test_several_seeds_give_mean_and_range_and_failures_are_counted() -> None:
    rows = [a_cell(asr=0.125), a_cell(asr=0.375, seed=1), a_failed_cell(seed=2)]
    table = beside_the_paper(1, rows)
    found = entries(table, "BERT", "BadNets", "ASR")
    undefended, paper, verified = found[UNDEFENDED], found[PAPER], found[VERIFIED]
    assert paper == Entry("0.250", "measured", ("0.125–0.375", "1 of 3 failed"))
    assert undefended == Entry("1.000", "measured", ("1 of 3 failed",))
    assert verified.kind == "empty"


def test_other_attacks_have_a_row_of_their_own() -> None:
    table = other_attacks(
        [a_cell(), a_cell("none"), a_cell("gradient_facade"), a_failed_cell("sos", defense="verified")]
    )
    assert [line.headings[0].text for line in table.lines] == ["gradient_facade", "sos"]
    found = entries(table, "gradient_facade", "SST-2", "BERT")
    assert [entry.text for entry in found] == ["1.000", "0.250", "not run", "-0.062", "not run"]
    assert [entry.text for entry in entries(table, "sos", "SST-2", "BERT")][2] == "attack failed"


def test_clean_models_show_every_base_on_every_data_set() -> None:
    table = clean_models([a_cell("none"), a_cell("badnets", architecture="roberta")])
    assert [entry.text for entry in entries(table, "BERT")[:3]] == ["0.875", "0.812", "not run"]
    assert {entry.kind for entry in entries(table, "RoBERTa")} == {"empty"}
    assert len(table.lines) == 5
    assert len(table.columns) == 9


def test_the_first_text_is_the_headline_and_the_rest_stands_below() -> None:
    rows = [
        a_cell(defense="verified", asr=0.25, n_scored=16, asr_floor=0.0625),
        a_cell(defense="swept", asr=0.25, asr_defended=0.03125),
        a_cell(defense="paper", asr=0.5),
    ]
    found = entries(beside_the_paper(1, rows), "BERT", "BadNets", "ASR")
    undefended, paper, verified = found[UNDEFENDED], found[PAPER], found[VERIFIED]
    low, high = (f"{bound:.3f}" for bound in rate_interval(4, 16))
    notes = (f"{low}–{high}", "served 0.125", "after a sweep 0.031")
    assert verified == Entry("0.250", "measured", notes)
    assert undefended.notes[-1] == "floor 0.062"
    assert paper == Entry("0.500", "measured"), "it never has a memory, and its row tells not of how many texts"
    assert entries(other_attacks([{**row, "attack": "sos"} for row in rows]), "sos", "SST-2", "BERT")[2] == verified
    without = entries(beside_the_paper(1, rows[:1]), "BERT", "BadNets", "ASR")[VERIFIED]
    assert without.notes == notes[:2]


def test_a_defense_has_a_column_when_it_was_run() -> None:
    for behind, names in (((), ["paper", "verified"]), (("referred", "swept"), ["paper", "verified", "referred"])):
        columns = clean_models([a_cell("none", defense=name) for name in behind]).columns
        assert [column.name for column in columns[: len(names) + 1]] == ["undefended", *names]
        assert len(columns) == 3 * (len(names) + 1)


@pytest.mark.parametrize(
    ("number", "place", "printed"),
    [
        (1, ("BERT", "BadNets", "SST-2", "CACC"), "0.923"),
        (1, ("BERT", "LWS", "IMDb", "CACC"), "0.91"),
        (1, ("DistilBERT", "BadNets", "IMDb", "ASR"), "0.090"),
        (1, ("ALBERT", "LWS", "SST-2", "ASR"), "0.201"),
        (1, ("ALBERT", "LWS", "AG's News", "CACC"), "0.943"),
        (2, ("BERT", "BadPre", "SST-2", "ASR"), "0.003"),
        (3, ("RoBERTa", "RIPPLES", "AG's News", "ASR"), "0.238"),
        (3, ("DeBERTa", "BadNets", "AG's News", "ASR"), "0.485"),
        (3, ("DeBERTa", "LWS", "SST-2", "CACC"), "0.939"),
    ],
)
def test_published_numbers_stand_where_the_paper_has_them(
    number: int, place: tuple[str, str, str, str], printed: str
) -> None:
    model, attack, dataset, figure = place
    assert published.printed(number, model=model, attack=attack, dataset=dataset, figure=figure) == printed


def test_published_tables_are_complete_and_sane() -> None:
    assert [len(published.records(number)) for number in (1, 2, 3)] == [3 * 3 * 3 * 2, 2, 2 * 3 * 3 * 2]
    odd = []
    for number in (1, 2, 3):
        keys = [
            tuple(row[name] for name in ("model", "attack", "dataset", "figure")) for row in published.records(number)
        ]
        assert len(set(keys)) == len(keys)
        for row in published.records(number):
            assert row["model"] in published.ARCHITECTURES
            assert row["attack"] in published.ATTACKS
            assert row["dataset"] in published.DATASETS
            odd += [row[name] for name in published.METHODS if not re.fullmatch(r"0\.\d+|1\.0", row[name])]
    assert sorted(set(odd)) == ["0836", "–"]
    assert odd.count("–") == 18


def test_what_the_paper_does_not_report_is_empty() -> None:
    place = {"model": "DeBERTa", "attack": "LWS", "dataset": "IMDb", "figure": "ASR"}
    assert published.printed(3, method="PURE", **place) == published.NOT_REPORTED
    assert published.printed(2, **place) == published.NOT_REPORTED


def test_every_table_tells_the_papers_columns_from_ours() -> None:
    for number in (1, 2, 3):
        table = beside_the_paper(number, [a_cell()])
        for column, place in zip(table.columns, range(len(table.columns)), strict=True):
            kinds = {line.entries[place].kind for line in table.lines}
            assert kinds <= (
                {"published", "empty"} if column.origin == "the paper" else {"measured", "empty", "failed"}
            )


def test_every_defense_stands_below_the_floor_and_no_defense() -> None:
    rows = [in_table("paper"), in_table("ft", asr=0.5), in_table("swept", asr_swept=0.125), a_failed_cell("lws")]
    table = defenses_compared(rows)
    names = [line.headings[0].text for line in table.lines]
    assert names[:3] == ["none; a clean model (the floor)", "none", "paper"]
    assert len(names) == 2 + len(DEFENSES)
    assert [column.name for column in table.columns] == ["badnets", "lws", "CACC change", "s per 1,000 texts", "s once"]
    found = {name: [entry.text for entry in entries(table, name)] for name in names}
    assert found[names[0]] == ["0.250", "not run", "", "", ""]
    assert found["none"] == ["1.000", "0.500", "", "", ""]
    assert found["paper"] == ["0.250", "attack failed", "-0.0625", "12.3", "57"]
    assert found["ft"][:2] == ["0.500", "not run"]
    assert found["swept, served"][0] == "0.125"
    assert found["conformal"] == ["not run"] * 5
    assert entries(table, "paper")[0].notes == ("0.087–0.491",)


def test_costs_stand_beside_the_papers() -> None:
    alone = in_table("verified", run="another")
    table = costs_beside_the_paper([in_table("paper"), in_table("onion", seconds_once=5.0), alone])
    assert [line.headings[0].text for line in table.lines] == ["BadNets", "RIPPLES", "LWP"]
    found = [entry.text for entry in entries(table, "BadNets")]
    assert found[:6] == ["123.58", "12.3", "5", "27.83", "not run", "not run"]
    assert found[-5:] == ["44.12", "12.3", "57", "not run", "not run"], "another process measured verified"
    assert [entry.text for entry in entries(table, "LWP")][:2] == ["122.42", "not run"]
