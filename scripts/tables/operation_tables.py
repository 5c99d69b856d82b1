"""What clients see when things go wrong, and under load for long, as tables."""

from pathlib import Path

from scripts.results.rows import Row, markdown, read_rows

SERVERS = ("TorchServe", "Ray Serve")
"""The first is meant where a row names none."""


def faults_table(results: Path) -> str:
    """The last row of each fault on each server, servers side by side, faults in the order of their first rows."""
    latest = {(row["fault"], row.get("server", SERVERS[0])): row for row in read_rows(results / "faults.jsonl")}
    seen = {server for _, server in latest}
    servers = [server for server in SERVERS if server in seen]
    rows = [
        (
            fault,
            str(max(row["n_clients"] for (other, _), row in latest.items() if other == fault)),
            *(cell for server in servers for cell in _fault_cells(latest.get((fault, server)))),
        )
        for fault in dict.fromkeys(fault for fault, _ in latest)
    ]
    measured = ("requests", "errors", "wrong answers", "longest without an answer / wait of a client, s")
    return markdown(("fault", "clients", *(f"{server}: {name}" for server in servers for name in measured)), rows)


def _fault_cells(row: Row | None) -> tuple[str, ...]:
    """What clients of one server saw."""
    if row is None:
        return ("not run", "", "", "")
    return (str(row["n_requests"]), _errors(row), str(row["n_wrong"]), f"{row['gap_s']:.1f} / {row['longest_s']:.1f}")


def fuzz_table(results: Path) -> str:
    """The last row of each kind of generated requests."""
    latest = {row["fuzz"]: row for row in read_rows(results / "fuzz.jsonl")}
    statuses = sorted({status for row in latest.values() for status in row["n_by_status"]})
    rows = [
        (
            name,
            str(sum(row["n_by_status"].values())),
            *(str(row["n_by_status"].get(status, 0)) for status in statuses),
            f"{row['seconds']:.0f}",
        )
        for name, row in latest.items()
    ]
    return markdown(("requests", "answered", *statuses, "seconds"), rows)


def soak_table(results: Path) -> str:
    """The last row of each model and device."""
    latest = {(_victim(row), row["device"]): row for row in read_rows(results / "soak.jsonl")}
    rows = [
        (
            victim,
            f"{row['workers']} on {device}",
            f"{row['seconds']:.0f}",
            str(row["n_requests"]),
            f"{row['requests_per_s']:.1f}",
            str(row["n_wrong"]),
            str(row["n_errors"]),
            f"{row['first_mib']:.0f} to {row['last_mib']:.0f}",
            f"{row['mib_per_minute']:+.2f}",
            f"{row['mib_per_1000_requests']:+.2f}",
        )
        for (victim, device), row in latest.items()
    ]
    header = ("model", "workers", "seconds", "answers", "requests/s", "wrong answers", "errors", "memory, MiB")
    return markdown((*header, "MiB a minute", "MiB a thousand requests"), rows)


def _errors(row: Row) -> str:
    """How often which came; none is 0."""
    return ", ".join(f"{number} times {error}" for error, number in sorted(row["errors"].items())) or "0"


def _victim(row: Row) -> str:
    """What was served, as far as its record tells."""
    return f"{row['attack']} on {row['data']}" if "attack" in row else "unknown"
