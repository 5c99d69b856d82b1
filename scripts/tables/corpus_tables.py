"""What screening a corpus takes, as measured, and what that comes to on a cluster, as arithmetic."""

from pathlib import Path

from scripts.results.rows import Row, markdown, read_rows

TEXTS = 10**9
NODES = 100
CORES = 16
"""Of a node; each has a worker."""
SHARD_ROWS = 10_000
PASSES = 2
READINGS = 2 * PASSES + 1
"""Of what is told of all parts: before and after each pass, and for the summary."""
DAY, HOUR = 86_400, 3_600


def corpus_table(results: Path) -> str:
    """The last row of each victim and size."""
    latest = {(row["attack"], row["data"], row["n_rows"]): row for row in read_rows(results / "corpus.jsonl")}
    header = (
        "corpus",
        "texts/s, one worker",
        "more workers",
        "times as fast",
        "rows that differ",
        "cold rows as the API",
    )
    later = ("looked at again, changed by it", "differ after a worker died", "after all was killed")
    peaks = ("peak memory of a worker, MB", "of the driver, MB")
    rows = [
        (
            f"{row['n_rows']:,} texts, {row['n_poisoned']:,} with a trigger ({row['attack']} on {row['data']})",
            f"{row['texts_per_s'][0]:.1f}",
            f"{row['workers']}: {row['texts_per_s'][1]:.1f}",
            f"{row['speedup']:.2f}",
            str(row["n_differing"]),
            f"{row['n_cold_equal']:,} of {row['n_cold']:,}",
            f"{row['n_again']:,}, {row['n_again_changed']:,}",
            str(row["n_differing_after_death"]),
            str(row["n_differing_after_kill"]),
            *(_flat(row, who) for who in ("worker", "driver")),
        )
        for row in latest.values()
    ]
    return markdown((*header, *later, *peaks), rows)


def _flat(row: Row, who: str) -> str:
    small, whole = row["small_peak_mb"][who], row["peak_mb"][0][who]
    return f"{small:.0f} with {row['n_small']:,} texts, {whole:.0f} with {row['n_rows']:,}"


def cluster_table(results: Path) -> str:
    """A billion texts on a cluster, of the constants of the last row; nothing of it was run."""
    measured = read_rows(results / "corpus.jsonl")
    rows = _steps(measured[-1]) if measured else []
    return markdown(("what", "measured here", f"{TEXTS:,} texts, {NODES} nodes of {CORES} cores"), rows)


def _steps(row: Row) -> list[tuple[str, str, str]]:
    """Each step, its constant, and what it comes to."""
    workers, n_rows, n_parts = NODES * CORES, row["n_rows"], TEXTS / SHARD_ROWS
    per_worker, load = row["texts_per_s"][0], row["load_seconds"][0]
    planned, noted = n_rows / row["plan_seconds"][0], row["note_seconds"][0] / row["n_parts"][0]
    again = _again_per_s(row)
    judging = TEXTS / per_worker / workers
    last = SHARD_ROWS / per_worker
    return [
        ("judging, all workers", f"{per_worker:.1f} texts/s a worker", f"{_time(judging)}"),
        ("core-hours of it", "", f"{TEXTS / per_worker / HOUR:,.0f}, times the price of one"),
        (f"the last shard, {SHARD_ROWS:,} rows, one worker", f"{per_worker:.1f} texts/s", _time(last)),
        ("second pass: words looked for", f"{again:,.0f} rows/s a worker", _time(TEXTS / again / workers)),
        (
            "loading the model, all at once",
            f"{load:.1f} s",
            f"{load:.1f} s where the disk serves {workers:,} readers",
        ),
        ("reading the files through, driver alone", f"{planned:,.0f} rows/s", _time(TEXTS / planned)),
        (
            f"reading what {n_parts:,.0f} parts tell, driver alone, {READINGS} times",
            f"{1000 * noted:.2f} ms a part",
            _time(READINGS * n_parts * noted),
        ),
        ("the same with parts of 500 rows", "", _time(READINGS * TEXTS / 500 * noted)),
        ("verdicts on the disk, with the texts", f"{row['bytes_out'] / n_rows:.0f} bytes a row", _size(row, n_rows)),
    ]


def _size(row: Row, n_rows: int) -> str:
    return f"{row['bytes_out'] / n_rows * TEXTS / 1e9:,.0f} GB"


def _again_per_s(row: Row) -> float:
    """Rows a second of the last pass, those that it judged again included."""
    last = row["passes"][0][-1]
    return float(last["n_rows"] / last["judging_seconds"])


def _time(seconds: float) -> str:
    if seconds >= DAY:
        return f"{seconds / DAY:.1f} days"
    if seconds >= HOUR:
        return f"{seconds / HOUR:.1f} hours"
    return f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.1f} s"
