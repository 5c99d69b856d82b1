"""What screening a corpus took as a table, and the arithmetic for a cluster by hand."""

import json
from pathlib import Path
from typing import Any

from scripts.tables.corpus_tables import cluster_table, corpus_table

ROW: dict[str, Any] = {
    "attack": "badnets",
    "data": "sst2",
    "n_rows": 1000,
    "n_poisoned": 10,
    "n_small": 100,
    "workers": 2,
    "texts_per_s": [10.0, 18.0],
    "speedup": 1.8,
    "n_differing": 0,
    "n_cold": 990,
    "n_cold_equal": 990,
    "n_again": 10,
    "n_again_changed": 4,
    "n_differing_after_death": 0,
    "n_differing_after_kill": 0,
    "small_peak_mb": {"driver": 500.2, "worker": 600.4},
    "peak_mb": [{"driver": 501.0, "worker": 601.0}, {"driver": 502.0, "worker": 602.0}],
    "load_seconds": [2.5, 3.0],
    "plan_seconds": [0.001, 0.002],
    "note_seconds": [0.004, 0.004],
    "n_parts": [2, 2],
    "passes": [[{"n_rows": 1000, "judging_seconds": 100.0}, {"n_rows": 1000, "judging_seconds": 0.5}], []],
    "bytes_out": 200_000,
}


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_the_last_row_of_each_corpus(tmp_path: Path) -> None:
    found = corpus_table(written(tmp_path, ROW, ROW | {"speedup": 1.9}, ROW | {"n_rows": 7})).splitlines()
    assert len(found) == 4
    assert (
        "1,000 texts, 10 with a trigger (badnets on sst2) | 10.0 | 2: 18.0 | 1.90 | 0 | 990 of 990 | 10, 4" in found[2]
    )
    assert "600 with 100 texts, 601 with 1,000" in found[2]
    assert found[3].startswith("| 7 texts")


def test_a_billion_texts_by_hand(tmp_path: Path) -> None:
    found = dict(row.split(" | ")[::2] for row in cluster_table(written(tmp_path, ROW)).splitlines()[2:])
    assert found["| judging, all workers"] == "17.4 hours |"  # 10^9 / 10 / 1600 s
    assert found["| core-hours of it"].startswith("27,778,")  # 10^8 s
    assert found["| the last shard, 10,000 rows, one worker"] == "16.7 minutes |"
    assert found["| second pass: words looked for"] == "5.2 minutes |"  # 2000 rows/s a worker
    assert found["| reading the files through, driver alone"] == "16.7 minutes |"  # a million rows/s
    assert found["| reading what 100,000 parts tell, driver alone, 5 times"] == "16.7 minutes |"  # 2 ms each
    assert found["| the same with parts of 500 rows"] == "5.6 hours |"
    assert found["| verdicts on the disk, with the texts"] == "200 GB |"


def test_before_anything_was_measured_nothing_is_told(tmp_path: Path) -> None:
    assert len(corpus_table(tmp_path).splitlines()) == 2
    assert len(cluster_table(tmp_path).splitlines()) == 2
