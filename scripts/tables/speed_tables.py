"""What the defense costs, as the README tells it: one line, and tables of time, growth, memory and load."""

from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.results.rows import Row, markdown, read_rows

TOLD_BATCH = 8
NOT_MEASURED = "Not measured yet."
CELL = "{:.2f}"

Costs = Mapping[tuple[str, int, int], Row]


def cost_line(results: Path) -> str:
    """The price in one line that a user can plan with."""
    lines = [_cost_line(row) for row in latest_speeds(results).values()]
    return "\n".join(lines) or NOT_MEASURED


def _cost_line(row: Row) -> str:
    costs = _costs(row)
    batch = TOLD_BATCH if any(key[2] == TOLD_BATCH for key in costs) else max(key[2] for key in costs)
    lengths = sorted({key[1] for key in costs if key[2] == batch})
    shortest, longest = lengths[0], lengths[-1]

    def times(name: str) -> str:
        ends = dict.fromkeys((shortest, longest))
        return " to ".join(CELL.format(costs[name, tokens, batch]["ratio"]) for tokens in ends)

    told = {
        "verified": "`verified` costs {} times the plain model's forward pass on clean texts",
        "verified_attacked": "{} where one in twenty is attacked",
        "paper": "`paper` {}",
        "official": "the published script's scoring alone {}",
    }
    parts = [text.format(times(name)) for name, text in told.items() if (name, shortest, batch) in costs]
    threads = "one thread" if row["n_threads"] == 1 else f"{row['n_threads']} threads"
    where = f"{threads} of a CPU" if row["device"] == "cpu" else row["device_name"]
    gate = f"a gate that lets one in {round(1 / row['gate_share'])} through"
    how = f"{shortest} to {longest} tokens, {batch} texts a call, {gate}"
    return f"{', '.join(parts)} ({how}, {where}, {row['precision']})."


def speed_table(results: Path) -> str:
    """For each pass the ratio to the plain forward, at each length; batch sizes side by side."""
    return _by_length(results, lambda cost: CELL.format(cost["ratio"]))


def length_table(results: Path) -> str:
    """The same in milliseconds of wall clock for each text."""
    return _by_length(results, lambda cost: f"{1000 * cost['seconds_per_text']:.1f}")


def memory_table(results: Path) -> str:
    """Peaks of memory, weights included, and their ratio to the plain pass's."""
    rows = []
    for row in latest_speeds(results).values():
        peaks = {(peak["name"], peak["tokens"], peak["batch"]): peak["peak_bytes"] for peak in row["peaks"]}
        rows += [
            (
                _device(row),
                f"`{name}`",
                str(tokens),
                str(batch),
                f"{size / 2**20:.0f}",
                CELL.format(size / peaks["plain", tokens, batch]),
            )
            for (name, tokens, batch), size in peaks.items()
        ]
    return markdown(("device", "pass", "tokens", "batch", "peak MiB", "ratio to `plain`"), rows)


def memory_growth_table(results: Path) -> str:
    """What memory did over many calls in one process."""
    rows = [
        (
            _device(row),
            f"`{growth['name']}`",
            str(growth["n_calls"]),
            f"up to {growth['tokens']}",
            f"{growth['first_bytes'] / 2**20:.0f} to {growth['last_bytes'] / 2**20:.0f}",
            f"{1000 * growth['bytes_per_call'] / 2**20:+.2f}",
        )
        for row in latest_speeds(results).values()
        for growth in row["growths"]
    ]
    return markdown(("device", "pass", "calls", "tokens", "MiB", "MiB more in 1,000 calls"), rows)


def load_table(results: Path) -> str:
    """Requests answered by live servers, defended and undefended side by side; by default a row is of TorchServe."""
    names = ("workers", "batch_size", "max_batch_delay", "n_clients", "server", "model", "n_errors")
    rows = [
        (
            row["device"],
            *(str(({"server": "TorchServe"} | load)[name]) for name in names),
            f"{load['requests_per_s']:.1f}",
            *(f"{1000 * load[name]:.0f}" for name in ("p50_s", "p95_s", "p99_s")),
        )
        for row in _latest(results, "load").values()
        for load in row["loads"]
    ]
    header = ("device", "workers", "batch size", "delay, ms", "clients", "server", "model", "errors", "requests/s")
    return markdown((*header, "p50, ms", "p95, ms", "p99, ms"), rows)


def _by_length(results: Path, cell: Callable[[Row], str]) -> str:
    """A row for each device and pass, a column for each length; its cells have the batch sizes side by side."""
    measured = {key: _costs(row) for key, row in _latest(results, "speed").items()}
    lengths = sorted({tokens for costs in measured.values() for _, tokens, _ in costs})
    batches = sorted({batch for costs in measured.values() for _, _, batch in costs})
    rows = [
        (
            device,
            f"`{name}`",
            *(
                " / ".join(cell(costs[name, tokens, batch]) for batch in batches if (name, tokens, batch) in costs)
                for tokens in lengths
            ),
        )
        for device, costs in measured.items()
        for name in dict.fromkeys(name for name, _, _ in costs)
    ]
    together = " / ".join(map(str, batches))
    return markdown(("device", "pass", *(f"{tokens} tokens, batch {together}" for tokens in lengths)), rows)


def _costs(row: Row) -> Costs:
    """Its costs by pass, tokens and batch size."""
    return {(cost["name"], cost["tokens"], cost["batch"]): cost for cost in row["costs"]}


def precision_table(results: Path) -> str:
    """What half precision changes, beside float32 on the same texts."""
    latest = {(_where(row), row["precision"]): row for row in read_rows(results / "precision.jsonl")}
    shares = ("labels_changed", "top_word_changed", "score_change_median", "score_change_95", "flags_changed")
    rows = [
        (
            *key,
            *(f"{row[name]:.4f}" for name in shares),
            f"{row['threshold']:.4f}",
            f"{row['auroc']:.4f}",
            f"{row['ms_per_text']:.1f}",
        )
        for key, row in latest.items()
    ]
    header = ("device", "precision", "other label", "other top word", "score off by, median", "95th percentile")
    more = ("other flag (`paper`)", "threshold (`paper`)", "AUROC", "ms a text (on a CPU of processor)")
    return markdown((*header, *more), rows)


def latest_speeds(results: Path) -> dict[str, Row]:
    """The last row of `speed.jsonl` for each device, by the device's name."""
    return _latest(results, "speed")


def _latest(results: Path, name: str) -> dict[str, Row]:
    """The last row of each device, in the order in which devices were first measured."""
    return {_device(row): row for row in read_rows(results / f"{name}.jsonl")}


def _device(row: Row) -> str:
    """What it was measured on, and in which precision where that is known."""
    return f"{_where(row)}, {row['precision']}" if "precision" in row else _where(row)


def _where(row: Row) -> str:
    return str(row.get("device_name") or row["device"])
