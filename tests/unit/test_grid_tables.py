"""Tables of a made-up grid."""

from pathlib import Path
from typing import Any

import pytest

from scripts.lab.grid.cell import attack_names
from scripts.lab.grid_tables import GROUPS, grid_clean_table, grid_summary_table, grid_table
from scripts.lab.results import append_row

BASE: dict[str, Any] = {
    "architecture": "bert",
    "dataset": "sst2",
    "attack": "badnets",
    "rule": "verified",
    "seed": 0,
    "status": "measured",
    "victim": {"cacc": 0.88, "asr": 1.0},
    "n_clean": 100,
    "n_triggered": 50,
    "asr_defended": 0.002,
    "asr_cold": 0.02,
    "asr_cold_interval": [0.0, 0.1],
    "named_cold": 0.98,
    "cacc_undefended": 0.88,
    "cacc_defended": 0.879,
    "label_changed_rate": 0.001,
    "second_pass_share": 0.1,
}
FAILED = {"status": "attack failed", "victim": {"cacc": 0.87, "asr": 0.5}}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    changes: list[dict[str, Any]] = [
        {"asr_defended": 0.9},  # an earlier run of the next cell
        {},
        {"rule": "paper", "asr_defended": 0.4, "asr_cold": 0.5},
        {"rule": "referred", "asr_cold": 0.01},
        {"rule": "swept", "asr_defended": 0.001},
        {"seed": 1, "asr_defended": 0.004, "asr_cold": 0.04, "victim": {"cacc": 0.88, "asr": 1.0, "asr_floor": 0.1}},
        {"attack": "lws"} | FAILED,
        {"attack": "lws", "rule": "paper"} | FAILED,
        {"attack": "none", "cacc_undefended": 0.89},
        {"architecture": "albert", "dataset": "imdb", "attack": "ripples"},
    ]
    for change in changes:
        row = BASE | change
        measured = row["status"] == "measured"
        append_row(tmp_path / "grid.jsonl", row if measured else {key: row[key] for key in (*list(BASE)[:5], *FAILED)})
    return tmp_path


def test_every_cell_has_its_place(results: Path) -> None:
    header, _, badnets, lws, ripples = grid_table(results).splitlines()
    assert badnets == (
        "| bert | sst2 | badnets | 2 | 100 | 0.890 | 0.880 | 1.000 | 0.100 | 0.500 (0.000 to 0.100) "
        "| 0.030 (0.020 to 0.040) | 0.010 (0.000 to 0.100) | 0.003 (0.002 to 0.004) | 0.001 | 0.980 "
        "| -0.0010 | -0.0010 | 0.100 |"
    )
    failed = "attack failed | attack failed |  |  |  |  |  |  |  |"
    assert lws == f"| bert | sst2 | lws | 1 |  | 0.890 | 0.870 | 0.500 |  | {failed}"
    cells = "0.880 | 1.000 |  |  | 0.020 (0.000 to 0.100) |  | 0.002 |  | 0.980 |  | -0.0010 | 0.100 |"
    assert ripples == f"| albert | imdb | ripples | 1 | 50 |  | {cells}"
    assert header.count("|") == badnets.count("|") == lws.count("|")


def test_clean_models_have_their_own_table(results: Path) -> None:
    _, _, line = grid_clean_table(results).splitlines()
    assert line == "| bert | sst2 | 1 | 100 | 0.890 |  | 0.0010 |  | -0.0110 |"


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
    assert [(column[3], column[4], column[6], column[11].split()[0]) for column in columns] == [
        ("badnets", "1", "0.900", "0.125"),
        ("badnets (three)", "1", "0.900", "0.250"),
        ("badnets, target 1", "1", "0.900", "0.500"),
    ]


def test_kinds_of_attacks_are_summed_up(results: Path) -> None:
    _, _, *lines = grid_summary_table(results).splitlines()
    assert lines == [
        "| inserted words | 1 | 0 | `paper` | 0.500 | 0.500 (bert, sst2, badnets) | -0.0010 |",
        "| inserted words | 2 | 0 | `verified` | 0.030 (0.020 to 0.040) | 0.040 (bert, sst2, badnets) | -0.0010 |",
    ]


def test_every_attack_belongs_to_a_kind() -> None:
    assert {attack for group in GROUPS.values() for attack in group} == {*attack_names()} - {"none"}


def test_without_rows_there_is_a_header(tmp_path: Path) -> None:
    for table in (grid_table, grid_clean_table, grid_summary_table):
        assert len(table(tmp_path).splitlines()) == 2
