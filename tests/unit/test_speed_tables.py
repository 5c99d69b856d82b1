"""The line and the tables of cost, from results made up for the purpose."""

from pathlib import Path
from typing import Any

import pytest

from scripts.results.rows import append_row
from scripts.tables.readme_tables import update_readme
from scripts.tables.speed_tables import (
    cost_line,
    length_table,
    load_table,
    memory_growth_table,
    memory_table,
    speed_table,
)


def a_cost(name: str, tokens: int, batch: int, ratio: float) -> dict[str, Any]:
    return {"name": name, "tokens": tokens, "batch": batch, "ratio": ratio, "seconds_per_text": ratio / 100}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    ratios = {"plain": 1.0, "scoring": 2.0, "verified": 1.5, "verified_attacked": 1.75, "paper": 2.25, "official": 4.0}
    row = {
        "device": "cpu",
        "device_name": "",
        "precision": "float32",
        "n_threads": 2,
        "gate_share": 0.05,
        "costs": [
            a_cost(name, tokens, batch, ratio + (tokens == 512) / 4 if name != "plain" else 1)
            for name, ratio in ratios.items()
            for tokens in (32, 512)
            for batch in (1, 8)
        ],
        "peaks": [
            {"name": "plain", "tokens": 512, "batch": 8, "peak_bytes": 100 * 2**20},
            {"name": "scoring", "tokens": 512, "batch": 8, "peak_bytes": 125 * 2**20},
        ],
    }
    growth = {"name": "scoring", "tokens": 128, "batch": 1, "n_calls": 2000}
    growth |= {"first_bytes": 300 * 2**20, "last_bytes": 301 * 2**20, "bytes_per_call": 524.288}
    row["growths"] = [growth]
    append_row(tmp_path / "speed.jsonl", row | {"costs": [], "n_threads": 99})
    append_row(tmp_path / "speed.jsonl", row)
    return tmp_path


def test_the_price_in_one_line(results: Path) -> None:
    assert cost_line(results) == (
        "`verified` costs 1.50 to 1.75 times the plain model's forward pass on clean texts, "
        "1.75 to 2.00 where one in twenty is attacked, `paper` 2.25 to 2.50, "
        "the published script's scoring alone 4.00 to 4.25 (32 to 512 tokens, 8 texts a call, "
        "a gate that lets one in 20 through, 2 threads of a CPU, float32)."
    )


def test_ratios_stand_by_length_with_batch_sizes_side_by_side(results: Path) -> None:
    lines = speed_table(results).splitlines()
    assert lines[0] == "| device | pass | 32 tokens, batch 1 / 8 | 512 tokens, batch 1 / 8 |"
    assert "| cpu, float32 | `scoring` | 2.00 / 2.00 | 2.25 / 2.25 |" in lines
    assert "| cpu, float32 | `scoring` | 20.0 / 20.0 | 22.5 / 22.5 |" in length_table(results)


def test_memory_over_many_calls(results: Path) -> None:
    last = memory_growth_table(results).splitlines()[-1]
    assert last == "| cpu, float32 | `scoring` | 2000 | up to 128 | 300 to 301 | +0.50 |"


def test_memory_is_compared_with_the_plain_pass(results: Path) -> None:
    assert memory_table(results).splitlines()[-1] == "| cpu, float32 | `scoring` | 512 | 8 | 125 | 1.25 |"


def test_load(tmp_path: Path) -> None:
    load = {"model": "defended", "n_clients": 8, "n_errors": 0, "requests_per_s": 50.0}
    load |= {"p50_s": 0.01, "p95_s": 0.02, "p99_s": 0.03, "workers": 1, "batch_size": 8, "max_batch_delay": 5}
    append_row(tmp_path / "load.jsonl", {"device": "cpu", "loads": [load, load | {"server": "Ray Serve"}]})
    for server, line in zip(("TorchServe", "Ray Serve"), load_table(tmp_path).splitlines()[-2:], strict=True):
        assert line == f"| cpu | 1 | 8 | 5 | 8 | {server} | defended | 0 | 50.0 | 10 | 20 | 30 |"


def test_nothing_measured_is_no_error(tmp_path: Path) -> None:
    assert cost_line(tmp_path) == "Not measured yet."
    for table in (speed_table, length_table, memory_table, load_table):
        assert len(table(tmp_path).splitlines()) == 2
    page = "<!-- table: cost -->\n<!-- end -->"
    assert "Not measured yet." in update_readme(page, tmp_path)
