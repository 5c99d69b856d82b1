"""What clients see when things go wrong, and under load for long, as tables."""

from pathlib import Path

from scripts.results.rows import Row, markdown, read_rows


def faults_table(results: Path) -> str:
    """The last row of each fault, in the order in which faults were first measured."""
    latest = {row["fault"]: row for row in read_rows(results / "faults.jsonl")}
    rows = [
        (
            fault,
            str(row["n_clients"]),
            str(row["n_requests"]),
            _errors(row),
            str(row["n_wrong"]),
            f"{row['gap_s']:.1f}",
            f"{row['longest_s']:.1f}",
        )
        for fault, row in latest.items()
    ]
    header = ("fault", "clients", "requests", "errors", "wrong answers", "longest time without an answer, s")
    return markdown((*header, "longest wait of a client, s"), rows)


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
