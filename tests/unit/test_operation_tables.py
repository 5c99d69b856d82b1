"""Faults and soaks as tables, from results made up for the purpose."""

from pathlib import Path
from typing import Any

from scripts.results.rows import append_row
from scripts.tables.operation_tables import faults_table, fuzz_table, soak_table

FAULT: dict[str, Any] = {
    "fault": "a worker killed",
    "n_clients": 16,
    "n_requests": 627,
    "n_wrong": 0,
    "errors": {"507 InternalServerException": 8, "no answer": 1},
    "gap_s": 4.46,
    "longest_s": 4.52,
}
SOAK: dict[str, Any] = {
    "attack": "badnets",
    "data": "sst2",
    "device": "cpu",
    "workers": 2,
    "seconds": 600.4,
    "n_requests": 9000,
    "requests_per_s": 15.0,
    "n_wrong": 0,
    "n_errors": 0,
    "first_mib": 1016.6,
    "last_mib": 1059.4,
    "mib_per_minute": -0.123,
    "mib_per_1000_requests": 0.456,
}


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_fuzz_is_counted_by_status(tmp_path: Path) -> None:
    for name, counted in (("live", {"200": 1}), ("in process", {"200": 3, "422": 2}), ("live", {"200": 5, "400": 1})):
        append_row(tmp_path / "fuzz.jsonl", {"fuzz": name, "n_by_status": counted, "seconds": 2.4})
    assert fuzz_table(tmp_path).splitlines()[2:] == [
        "| live | 6 | 5 | 1 | 0 | 2 |",
        "| in process | 5 | 3 | 0 | 2 | 2 |",
    ]


def test_the_last_row_of_each_fault_counts(tmp_path: Path) -> None:
    append_row(tmp_path / "faults.jsonl", FAULT | {"n_requests": 1})
    append_row(tmp_path / "faults.jsonl", FAULT | {"fault": "another", "errors": {}})
    append_row(tmp_path / "faults.jsonl", FAULT)
    killed, other = cells(faults_table(tmp_path))
    errors = "8 times 507 InternalServerException, 1 times no answer"
    assert killed == ["a worker killed", "16", "627", errors, "0", "4.5 / 4.5"]
    assert (other[0], other[3]) == ("another", "0")


def test_each_server_has_its_columns(tmp_path: Path) -> None:
    append_row(tmp_path / "faults.jsonl", FAULT)  # as rows were before there were two
    append_row(tmp_path / "faults.jsonl", FAULT | {"server": "Ray Serve", "errors": {"503 X": 2}, "n_requests": 700})
    append_row(tmp_path / "faults.jsonl", FAULT | {"server": "TorchServe", "fault": "another", "n_requests": 9})
    killed, other = cells(faults_table(tmp_path))
    assert killed[2::4] == ["627", "700"]
    assert killed[7] == "2 times 503 X"
    assert other[2::4] == ["9", "not run"]


def test_a_soak_tells_its_slopes(tmp_path: Path) -> None:
    append_row(tmp_path / "soak.jsonl", SOAK)
    figures = ["600", "9000", "15.0", "0", "0", "1017 to 1059", "-0.12", "+0.46"]
    assert cells(soak_table(tmp_path)) == [["badnets on sst2", "2 on cpu", *figures]]


def test_nothing_measured_is_an_empty_table(tmp_path: Path) -> None:
    assert (cells(faults_table(tmp_path)), cells(soak_table(tmp_path))) == ([], [])
