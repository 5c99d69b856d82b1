"""Tables of a made-up grid."""

from pathlib import Path
from typing import Any

import pytest

from scripts.lab.grid.cell import attack_names
from scripts.results.rows import append_row
from scripts.tables.grid_tables import GROUPS, grid_clean_table, grid_summary_table, grid_table

BASE: dict[str, Any] = {
    "architecture": "bert",
    "dataset": "sst2",
    "attack": "badnets",
    "defense": "verified",
    "seed": 0,
    "status": "measured",
    "cacc_undefended": 0.88,
    "asr_undefended": 1.0,
    "n_clean": 100,
    "n_triggered": 50,
    "asr_defended": 0.002,
    "asr_cold": 0.02,
    "asr_cold_interval": [0.0, 0.1],
    "named_cold": 0.98,
    "cacc_defended": 0.879,
    "label_changed_rate": 0.001,
    "second_pass_share": 0.1,
}
FAILED = {"status": "attack failed", "cacc_undefended": 0.87, "asr_undefended": 0.5}
OWN = {"attack_works": True, "own_label_kept_cold": 0.9, "n_test_shots": 10}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    changes: list[dict[str, Any]] = [
        {"asr_defended": 0.9},  # an earlier run of the next cell
        {},
        {"defense": "paper", "asr_defended": 0.4, "asr_cold": 0.5},
        {"defense": "referred", "asr_cold": 0.01},
        {"defense": "swept", "asr_defended": 0.001},
        {
            "seed": 1,
            "asr_defended": 0.004,
            "asr_cold": 0.04,
            "cacc_undefended": 0.88,
            "asr_undefended": 1.0,
            "asr_floor": 0.1,
        },
        {"attack": "lws"} | FAILED,
        {"attack": "lws", "defense": "paper"} | FAILED,
        {"attack": "none", "cacc_undefended": 0.89},
        {"architecture": "albert", "dataset": "imdb", "attack": "ripples"} | OWN,
    ]
    for change in changes:
        row = BASE | change
        measured = row["status"] == "measured"
        append_row(tmp_path / "grid.jsonl", row if measured else {key: row[key] for key in (*list(BASE)[:5], *FAILED)})
    return tmp_path


def test_every_cell_has_its_place(results: Path) -> None:
    header, _, badnets, lws, ripples = grid_table(results).splitlines()
    clean = "0.890 (0.812 to 0.944)"
    assert badnets == (
        f"| bert | sst2 | badnets | 2 | 100 | {clean} | 0.880 | 1.000 | 0.100 | 0.500 (0.000 to 0.100) "
        "| 0.030 (0.020 to 0.040) | 0.010 (0.000 to 0.100) | 0.003 (0.002 to 0.004) | 0.002 | 0.001 | 0.980 "
        "|  | -0.0010 | -0.0010 | -0.0010 | 0.100 |"
    )
    failed = f"attack failed |{'  |' * 11}"
    assert lws == f"| bert | sst2 | lws | 1 |  | {clean} | 0.870 | 0.500 |  | {failed}"
    start = "| albert | imdb | ripples | 1 | 50 |  | 0.880 (0.800 to 0.936) | 1.000 |  |  "
    named, looked = "0.980 (0.894 to 0.999)", "0.100 (0.049 to 0.176)"
    own = "0.900 (0.555 to 0.997)"
    assert ripples == f"{start}| 0.020 (0.000 to 0.100) |  | 0.002 |  |  | {named} | {own} |  | -0.0010 |  | {looked} |"
    assert header.count("|") == badnets.count("|") == lws.count("|")


def test_a_defense_has_columns_when_it_has_a_row(tmp_path: Path) -> None:
    append_row(tmp_path / "grid.jsonl", BASE)
    assert "conformal" not in grid_table(tmp_path)
    append_row(tmp_path / "grid.jsonl", BASE | {"defense": "conformal"})
    append_row(tmp_path / "grid.jsonl", BASE | {"defense": "swept"})
    header = [cell.strip() for cell in grid_table(tmp_path).splitlines()[0].split("|")]
    assert [cell for cell in header if "`" in cell] == [
        "first text, `conformal`",
        "first text, `verified`",
        "served, `verified`",
        "served, `swept`",
        "CACC change `conformal`",
        "CACC change `verified`",
    ]


def test_shares_of_one_row_have_intervals_where_it_says_of_how_many(tmp_path: Path) -> None:
    append_row(tmp_path / "grid.jsonl", BASE | {"n_scored": 40})
    (line,) = grid_table(tmp_path).splitlines()[2:]
    assert "| 1.000 (0.912 to 1.000) |" in line
    assert "| 0.002 (0.000 to 0.088) |" in line


def test_clean_models_have_their_own_table(results: Path) -> None:
    _, _, line = grid_clean_table(results).splitlines()
    assert line == "| bert | sst2 | 1 | 100 | 0.890 (0.812 to 0.944) | 0.0010 (0.0000 to 0.0362) | -0.0110 |"


def test_other_targets_and_insertions_have_lines_of_their_own(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {"target": 1, "insertion": "one", "asr_cold": 0.5},
        {"target": 0, "insertion": "three", "asr_cold": 0.25},
        {"target": 0, "insertion": "one", "asr_cold": 0.125},
        {"attack": "none", "target": None, "insertion": "one", "cacc_undefended": 0.9},
    ]
    for change in changes:
        append_row(tmp_path / "grid.jsonl", BASE | change)
    _, _, *lines = grid_table(tmp_path).splitlines()
    columns = [[column.strip() for column in line.split("|")] for line in lines]
    assert [(column[3], column[4], column[6].split()[0], column[10].split()[0]) for column in columns] == [
        ("badnets", "1", "0.900", "0.125"),
        ("badnets (three)", "1", "0.900", "0.250"),
        ("badnets, target 1", "1", "0.900", "0.500"),
    ]


def test_kinds_of_attacks_are_summed_up(results: Path) -> None:
    """Of `paper` and `referred` nothing is said: they met fewer victims than the default rule."""
    line = "| inserted words | 3 | 0 | `verified` | 0.027 (0.020 to 0.040) | 0.040 (0.000 to 0.100)"
    assert grid_summary_table(results).splitlines()[2:] == [f"{line}, bert, sst2, badnets | -0.0010 |"]
    for change in ({"seed": 1}, {"architecture": "albert", "dataset": "imdb", "attack": "ripples"}):
        append_row(results / "grid.jsonl", BASE | {"defense": "paper", "asr_cold": 0.0} | change)
    paper, verified = grid_summary_table(results).splitlines()[2:]
    worst = "0.500 (0.000 to 0.100), bert, sst2, badnets"
    assert paper == f"| inserted words | 3 | 0 | `paper` | 0.167 (0.000 to 0.500) | {worst} | -0.0010 |"
    assert verified.startswith(line)


def test_every_attack_belongs_to_a_kind() -> None:
    assert {attack for group in GROUPS.values() for attack in group} == {*attack_names()} - {"none"}


def test_without_rows_there_is_a_header(tmp_path: Path) -> None:
    for table in (grid_table, grid_clean_table, grid_summary_table):
        assert len(table(tmp_path).splitlines()) == 2
