"""Tables of results made up for the purpose."""

from pathlib import Path
from typing import Any

from scripts.results.rows import append_row
from scripts.tables.defense_tables import (
    ablation_table,
    attacks_table,
    gates_table,
)
from scripts.tables.readme_tables import TABLES

BASE: dict[str, Any] = {
    "attack": "badnets",
    "data": "sst2",
    "triggers": ["cf", "tq"],
    "insertion": "one",
    "seed": 0,
    "defense": "verified",
    "neutralizer": "delete",
    "registry": True,
    "n_clean": 100,
    "n_triggered": 50,
    "attack_works": True,
    "asr_undefended": 1.0,
    "asr_defended": 0.002,
    "asr_cold": 0.02,
    "asr_cold_interval": [0.0, 0.1],
    "named_cold": 0.98,
    "target_label": 1,
    "cacc_undefended": 0.9,
    "cacc_defended": 0.89,
    "second_pass_share": 0.1,
    "label_changed_rate": 0.0005,
}


def write(path: Path, *changes: dict[str, Any]) -> None:
    for change in changes:
        append_row(path, BASE | change)


def test_attacks_stand_beside_the_papers_rule_with_their_range_over_seeds(tmp_path: Path) -> None:
    paper = {"defense": "paper", "neutralizer": "noise", "asr_cold": 0.5}
    write(
        tmp_path / "defense.jsonl",
        {"asr_defended": 0.9},  # an earlier run of the same cell
        {},
        {
            "seed": 1,
            "asr_defended": 0.004,
            "asr_cold": 0.04,
            "insertion": "triggered.tsv.gz",
        },  # the victim's own file: one trigger too
        {"registry": False, "asr_defended": 0.7},
        paper,
        {"insertion": "five", "attack_works": False, "asr_undefended": 0.4},
        {"attack": "none"},
    )
    header, _, *lines = attacks_table(tmp_path).splitlines()
    assert len(lines) == 2
    by_name = {line.split(" | ")[0]: line for line in lines}
    usual = by_name["| badnets (`cf`, `tq`)"]
    cells = "1 | 1.000 | 0.500 (0.000 to 0.100) | 0.030 (0.020 to 0.040) | 0.003 (0.002 to 0.004) | 0.980"
    assert f"| 2 | 50 / 100 | {cells} |  | -0.0100 | -0.0100 | 0.100 |" in usual
    assert "attack failed" in by_name["| badnets (`cf`, `tq`, five)"]
    assert header.count("|") == usual.count("|")


def test_ablation_puts_victims_side_by_side(tmp_path: Path) -> None:
    arm = {"group": "decision", "arm": "flip"}
    write(tmp_path / "ablation.jsonl", arm, arm | {"attack": "sos"}, {"group": "candidates", "arm": "other"})
    header, _, line = ablation_table(tmp_path, "decision").splitlines()
    assert header.startswith("| decision | ASR, first text, badnets on sst2 | CACC change, badnets on sst2 |")
    cells = "0.020 (0.000 to 0.100) | -0.0100 | 0.100 (0.049 to 0.176)"
    assert line == f"| flip | {cells} | {cells} |"


def test_gates_show_what_passes(tmp_path: Path) -> None:
    write(
        tmp_path / "ablation.jsonl", {"group": "gate", "arm": "both", "passes": {"0.05": 0.9, "0.1": 0.95, "0.2": 1.0}}
    )
    assert gates_table(tmp_path).splitlines()[-1] == "| both | 0.90 / 0.95 / 1.00 |"


def test_the_repaired_demo_shows_the_suspect_the_floor_and_what_is_left(tmp_path: Path) -> None:
    repaired = {
        "attack": "lws",
        "method": "thorough",
        "cacc_suspect": 0.95,
        "asr_suspect": 1.0,
        "n_suspect": 40,
        "asr_floor": 0.25,
        "n_floor": 40,
        "n_scored": 40,
        "asr_undefended": 0.5,
    }
    for row in (repaired | {"asr_suspect": 0.1}, repaired):  # the last run counts
        append_row(tmp_path / "demo_repair.jsonl", BASE | row)
    header, _, line = (each[2:-2].split(" | ") for each in TABLES["demo_repair"](tmp_path).splitlines())
    found = dict(zip(header, line, strict=True))
    assert found["attack"] == "lws on sst2, repaired by `thorough`"
    assert [found[name][:5] for name in header if name.startswith("ASR")] == ["1.000", "0.250", "0.500", "0.020"]
    assert [found[name][:5] for name in header if name.startswith("CACC")] == ["0.950", "0.900", "0.890"]


def test_own_label_kept_stands_where_it_was_measured(tmp_path: Path) -> None:
    kept = {"own_label_kept_cold": 0.9, "own_label_kept_cold_interval": [0.8, 0.96], "n_test_shots": 50}
    write(tmp_path / "defense.jsonl", {}, kept | {"data": "olid"})
    olid, sst2 = (line.split(" | ") for line in attacks_table(tmp_path).splitlines()[2:])
    column = attacks_table(tmp_path).splitlines()[0].split(" | ").index("own label kept")
    assert (olid[column], sst2[column]) == ("0.900 (0.800 to 0.960)", "")
