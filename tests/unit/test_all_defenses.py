"""The table of defenses and the paper's tables, from made-up rows."""

from pathlib import Path
from typing import Any

import pytest

from scripts.lab.defenses import DEFENSES
from scripts.results.rows import append_row
from scripts.tables.all_defenses import defenses_table, repairs_table
from scripts.tables.paper_tables import costs_table, paper_table
from scripts.tables.published import METHODS, records
from scripts.tables.readme_tables import TABLES

BASE: dict[str, Any] = {
    "architecture": "bert",
    "dataset": "sst2",
    "attack": "badnets",
    "seed": 0,
    "target": 0,
    "defense": "paper",
    "insertion": "one",
    "status": "measured",
    "target_label": 0,
    "cacc_undefended": 0.9,
    "asr_undefended": 1.0,
    "n_scored": 40,
    "asr_floor": 0.05,
    "asr_floor_interval": [0.01, 0.15],
    "n_floor": 40,
    "n_clean": 100,
    "cacc_defended": 0.89,
    "asr_cold": 0.5,
    "asr_cold_interval": [0.25, 0.75],
    "asr_defended": 0.25,
    "seconds_per_1000": 12.34,
    "seconds_once": 56.7,
    "run": "first",
    "time": "2026-01-01T00:00:00+00:00",
}
FAILED = {"status": "attack failed", "asr_undefended": 0.5}


def write(folder: Path, *changes: dict[str, Any], name: str = "defenses") -> Path:
    for change in changes:
        append_row(folder / f"{name}.jsonl", BASE | change)
    return folder


def lines(table: str) -> list[list[str]]:
    return [line[2:-2].split(" | ") for line in table.splitlines()]


def test_every_defense_has_a_line_below_the_floor_and_no_defense(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"asr_cold": 0.75},  # an earlier run of the next cell
        {},
        {"defense": "ft", "cacc_defended": 0.91, "asr_cold": 1.0, "asr_cold_interval": [0.9, 1.0]},
        {"defense": "swept", "asr_swept": 0.125},
        {"attack": "lws", "asr_cold": 0.0, "seconds_per_1000": 20.0},
        {"attack": "sentence", "dataset": "olid"} | FAILED,
        {"attack": "none", "target": None, "cacc_defended": 0.1},
    )
    header, _, floor, none, *rest = lines(defenses_table(tmp_path))
    columns = ["badnets, sst2", "lws, sst2", "sentence, olid"]
    assert header == ["defense", *columns, "CACC change", "s per 1,000 texts", "s once"]
    assert floor == ["none; a clean model (the floor)", *["0.050 (0.010 to 0.150)"] * 3, "", "", ""]
    assert none[:3] == ["none", "1.000 (0.912 to 1.000)", "1.000 (0.912 to 1.000)"]
    assert [each[0].strip("`").removesuffix(", served") for each in rest] == list(DEFENSES)
    by_name = {each[0]: each[1:] for each in rest}
    costs = ["-0.0100", "16.2 (12.3 to 20.0)", "57"]
    assert by_name["`paper`"] == ["0.500 (0.250 to 0.750)", "0.000 (0.250 to 0.750)", "attack failed", *costs]
    assert by_name["`ft`"] == ["1.000 (0.900 to 1.000)", "not run", "not run", "+0.0100", "12.3", "57"]
    assert by_name["`swept, served`"][0].startswith("0.125")
    assert by_name["`verified`"] == ["not run"] * 6


def test_columns_name_the_architecture_where_there_are_several(tmp_path: Path) -> None:
    write(tmp_path, {"architecture": "roberta", "n_floor": 20}, {}, {"seed": 1, "asr_cold": 0.25}, {"target": 1})
    header, _, floor, _, paper, *_ = lines(defenses_table(tmp_path))
    assert header[1:4] == ["badnets, sst2, bert", "badnets, target 1, sst2, bert", "badnets, sst2, roberta"]
    assert paper[1] == "0.375 (0.250 to 0.500)", "two seeds: mean and range"
    assert floor[1] == "0.050"


def test_without_a_floor_there_is_none_and_without_rows_no_column(tmp_path: Path) -> None:
    append_row(tmp_path / "defenses.jsonl", {name: value for name, value in BASE.items() if "floor" not in name})
    assert lines(defenses_table(tmp_path))[2][1] == "not run"
    assert lines(defenses_table(tmp_path / "empty"))[0] == ["defense", "CACC change", "s per 1,000 texts", "s once"]


def row_of(table: str, *heads: str) -> dict[str, str]:
    header, _, *rest = lines(table)
    (found,) = (each for each in rest if tuple(each[: len(heads)]) == heads)
    return dict(zip(header, found, strict=True))


def test_the_papers_figures_stand_before_ours(tmp_path: Path) -> None:
    write(
        tmp_path, {"asr_cold": 0.75}, {"defense": "verified", "asr_cold": 0.0}, {"attack": "lws"} | FAILED, name="grid"
    )
    write(tmp_path, {"asr_cold": 0.5}, {"defense": "onion", "asr_cold": 0.125})
    found = row_of(paper_table(tmp_path, 1), "BERT", "BadNets", "SST-2", "ASR")
    assert found == {
        "model": "BERT",
        "attack": "BadNets",
        "data": "SST-2",
        "figure": "ASR",
        "undefended, here": "1.000 (0.912 to 1.000)",
        "floor, here": "0.050 (0.010 to 0.150)",
        "ONION: the paper / here": "0.142 / 0.125 (0.250 to 0.750)",
        "RAP: the paper / here": "0.002 / not run",
        "FT: the paper / here": "1.0 / not run",
        "MEFT: the paper / here": "0.998 / not run",
        "PURE: the paper / here": "0.292 / not run",
        "X-GRAAD: the paper / here": "0.0 / 0.500 (0.250 to 0.750)",
        "`verified`, here": "0.000 (0.250 to 0.750)",
    }
    accuracy = row_of(paper_table(tmp_path, 1), "BERT", "BadNets", "SST-2", "CACC")
    assert (accuracy["undefended, here"], accuracy["floor, here"]) == ("0.900 (0.824 to 0.951)", "")
    assert accuracy["X-GRAAD: the paper / here"] == "0.923 / 0.890 (0.812 to 0.944)"
    failed = row_of(paper_table(tmp_path, 1), "BERT", "LWS", "SST-2", "ASR")
    assert failed["X-GRAAD: the paper / here"] == "0.0 / attack failed"
    empty = row_of(paper_table(tmp_path, 1), "BERT", "LWS", "IMDb", "ASR")
    assert (empty["undefended, here"], empty["floor, here"], empty["`verified`, here"]) == ("not run",) * 3
    assert row_of(paper_table(tmp_path, 3), "DeBERTa", "LWS", "IMDb", "ASR")["PURE: the paper / here"] == "– / not run"


@pytest.mark.parametrize(("number", "n_lines"), [(1, 54), (2, 2), (3, 36)])
def test_every_cell_of_the_paper_is_there(number: int, n_lines: int, tmp_path: Path) -> None:
    found = lines(paper_table(tmp_path, number))[2:]
    assert len(found) == n_lines
    printed = [[cell.split(" / ")[0] for cell in line[6:12]] for line in found]
    assert printed == [[record[method] for method in METHODS] for record in records(number)]
    assert TABLES[f"paper_{number}"](tmp_path) == paper_table(tmp_path, number)


def test_costs_are_those_of_one_run(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"defense": "onion", "seconds_per_1000": 1.0, "run": "alone"},
        {"defense": "rap", "seconds_per_1000": 40.0, "seconds_once": 3.0},
        {},
        {"defense": "verified", "run": "alone again"},
    )
    append_row(tmp_path / "grid.jsonl", {name: BASE[name] for name in BASE if name != "run"} | {"defense": "ft"})
    _, _, *found = lines(costs_table(tmp_path))
    assert found[0] == [
        *("BadNets", "123.58 / not run", "27.83 / 40.0 + 3 once", "1023.21 / not run", "1374.25 / not run"),
        *("1693.22 / not run", "44.12 / 12.3 + 57 once", "not run"),
    ]
    assert [line[0] for line in found] == ["BadNets", "RIPPLES", "LWP"]
    assert found[2][1:] == ["122.42 / not run", "27.71 / not run", "1027.31 / not run", "1375.51 / not run",
                            "1642.61 / not run", "48.17 / not run", "not run"]  # fmt: skip


def test_of_two_runs_as_large_the_later_one_counts(tmp_path: Path) -> None:
    write(tmp_path, {"run": "second", "time": "2026-01-02T00:00:00+00:00", "defense": "onion"}, {})
    assert row_of(costs_table(tmp_path), "BadNets")["X-GRAAD: the paper / here"] == "44.12 / not run"
    assert row_of(costs_table(tmp_path), "BadNets")["ONION: the paper / here"] == "123.58 / 12.3 + 57 once"


def test_repairs_stand_beside_the_served_rule_where_no_word_is_inserted(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"defense": "agreement"},  # of an attack that inserts words
        {"attack": "lws", "defense": "verified", "cacc_defended": 0.9},
        {"attack": "lws", "defense": "agreement", "asr_cold": 0.25},
        {"attack": "lws", "defense": "onion"},
        {"attack": "lws", "defense": "agreement", "architecture": "albert"},
        {"attack": "hiddenkiller", "dataset": "olid", "defense": "ft"} | FAILED,
    )
    header, _, *rest = lines(repairs_table(tmp_path))
    assert header == ["defense", "lws, sst2", "hiddenkiller, olid"]
    by_name = {each[0]: each[1:] for each in rest}
    assert list(by_name) == ["a clean model: the floor", "none", "`verified`", "`ft`", "`agreement`"]
    assert by_name["`verified`"] == ["0.500 (0.250 to 0.750); +0.000", "not run"]
    assert by_name["`agreement`"] == ["0.250 (0.250 to 0.750); -0.010", "not run"]
    assert by_name["`ft`"] == ["not run", "attack failed"]
