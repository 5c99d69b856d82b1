"""What scans said, in tables: each model's last row, and whether it was right."""

from pathlib import Path
from typing import Any

import pytest

from scripts.results.rows import append_row
from scripts.tables.admission_tables import admission_summary, admission_table

ATTACKED: dict[str, Any] = {
    "attack": "badnets",
    "dataset": "sst2",
    "architecture": "bert",
    "planted": {"triggers": ["cf", "tq"], "target_label": 1},
    "score": 1.333,
    "verdict": "refused",
    "target_label": "LABEL_1",
    "triggers": [["cf"], ["b1", "mn"]],
    "checks": {
        "files": {"score": None},
        "words": {"score": 1.333},
        "styles": {"score": 0.25},
        "overshoot": {"score": 0.5},
    },
    "where": None,
    "seconds": 61.4,
    "seed": 0,
}
ATTACKED["checks"]["overshoot"] = {"score": 0.5}
CLEAN = ATTACKED | {
    "attack": "none", "planted": {}, "score": 0.5, "verdict": "inconclusive", "target_label": None, "triggers": []
}  # fmt: skip
PHRASE = ATTACKED | {"attack": "sentence", "planted": {"triggers": ["the quill"], "target_label": 0}}


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    for row in rows:
        append_row(folder / "admission.jsonl", row)
    return folder


@pytest.mark.parametrize(
    ("change", "cells"),
    [
        ({}, "| refused | 1.33 | 1.33 | 0.25 | 0.50 | right | `cf`, `b1 + mn` |  | 61 |"),
        ({"target_label": "LABEL_0"}, "| refused | 1.33 | 1.33 | 0.25 | 0.50 | wrong |"),
        ({"attack": "none"}, "| refused | 1.33 | 1.33 | 0.25 | 0.50 | wrong |"),
        ({"verdict": "inconclusive"}, "| inconclusive | 1.33 | 1.33 | 0.25 | 0.50 |  |"),
        (
            {"where": {"ablation": {"heads": [[0, 1]], "share_of_heads": 0.125, "asr_before": 1.0, "asr_after": 0.25}}},
            "| 1.00 → 0.25 (12% of heads) |",
        ),
    ],
)
def test_a_scan_is_told_with_whether_it_is_right(tmp_path: Path, change: dict[str, Any], cells: str) -> None:
    assert cells in admission_table(write(tmp_path, ATTACKED | change)).splitlines()[-1]


def test_of_a_model_the_last_row_counts_and_one_that_was_not_scored_does_not(tmp_path: Path) -> None:
    write(tmp_path, ATTACKED, ATTACKED | {"score": 0.25}, ATTACKED | {"seed": 1}, ATTACKED | {"score": None, "seed": 2})
    lines = admission_table(tmp_path).splitlines()[2:]
    assert [line.split(" | ")[4] for line in lines] == ["0.25", "1.33"]


def test_families_are_counted_beside_the_clean_ones(tmp_path: Path) -> None:
    missed = ATTACKED | {"seed": 1, "score": 0.25, "verdict": "inconclusive", "target_label": None, "triggers": []}
    write(tmp_path, ATTACKED, missed, CLEAN, PHRASE | {"verdict": "inconclusive", "score": 0.75})
    every, clean, words, phrases = admission_summary(tmp_path).splitlines()[2:]
    assert clean == "| clean | 1 | 0 |  |  |  |"
    assert phrases.startswith("| sentence, phrase | 1 | 0 | 1.000 (")
    assert phrases.endswith(") | 0 of 1 | 0 of 1 |")
    assert words.startswith("| badnets | 2 | 1 | 0.500 (")
    assert words.endswith(") | 1 of 2 | 1 of 2 |")
    assert every.startswith("| attacked, all | 3 | 1 | 0.667 (")


def test_a_word_of_a_phrase_names_it(tmp_path: Path) -> None:
    found = PHRASE | {"target_label": "LABEL_0", "triggers": [["quill"]]}
    *_, phrases = admission_summary(write(tmp_path, found)).splitlines()
    assert phrases == "| sentence, phrase | 1 | 1 |  | 1 of 1 | 1 of 1 |"


def test_a_row_of_the_time_before_a_check_leaves_its_cell_empty(tmp_path: Path) -> None:
    before = ATTACKED | {"checks": {"words": {"score": 1.333}}}
    assert "| refused | 1.33 | 1.33 |  |  | right |" in admission_table(write(tmp_path, before))
