"""The tables of the README files, made from `results/*.jsonl` and put between their markers."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.console.errors import LabError
from scripts.results.rows import Row, is_cold_first, markdown, read_rows
from scripts.results.shares import cold, served, share
from scripts.tables.admission_tables import admission_summary, admission_table
from scripts.tables.age_tables import ages_table
from scripts.tables.all_defenses import defenses_table, repairs_table
from scripts.tables.corpus_tables import cluster_table, corpus_table
from scripts.tables.defense_tables import (
    ablation_table,
    attacks_table,
    gates_table,
    windows_table,
)
from scripts.tables.drift_tables import drift_table
from scripts.tables.grid_tables import grid_clean_table, grid_summary_table, grid_table
from scripts.tables.operation_tables import faults_table, fuzz_table, soak_table
from scripts.tables.paper_tables import costs_table, paper_table
from scripts.tables.speed_tables import (
    cost_line,
    length_table,
    load_table,
    memory_growth_table,
    memory_table,
    precision_table,
    speed_table,
)

START, END = "<!-- table: {name} -->", "<!-- end -->"


def update_readme(text: str, results: Path) -> str:
    """A README with every table made anew.

    Raises:
        LabError: a marker is missing its end, or names a table that does not exist.
    """

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name not in TABLES:
            raise LabError(f"README.md: no table is called {name!r}; there are {', '.join(sorted(TABLES))}")
        return "\n".join((START.format(name=name), TABLES[name](results), END))

    if text.count("<!-- table:") != text.count(END):
        raise LabError(f"README.md: every table marker needs a line {END}")
    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", replace, text, flags=re.DOTALL)


def _demo_table(results: Path) -> str:
    latest = {(row["base"], row["data"]): row for row in read_rows(results / "demo.jsonl")}
    own_first = sorted(latest.values(), key=lambda row: row["base"] != "synthetic")
    measured = [
        (
            f"{_victim(row)}, served with `{row['rule']}`",
            *(share([row], f"cacc_{when}", "n_clean") for when in ("undefended", "defended")),
            share([row], "asr_undefended", "n_scored"),
            cold([row]),
            served([row]),
            f"{row['seconds']:.0f}",
        )
        for row in filter(is_cold_first, own_first)
    ]
    cited = [
        (f"the paper's figure: {row['base']} on {row['data']} ({row['source']})", "", f"{row['cacc']:.3f}", "",
         f"{row['asr']:.3f}", "", "")
        for row in read_rows(results / "paper.jsonl")
    ]  # fmt: skip
    header = (
        "BadNets victim",
        "CACC undefended",
        "CACC defended",
        "ASR undefended",
        "first text",
        "served",
        "seconds in all",
    )
    return markdown(header, [*measured, *cited])


def _repaired_demo_table(results: Path) -> str:
    """The last run of each attack on each data set: the suspect, what was made of it, and that behind the defense."""
    latest = {(row["attack"], row["data"]): row for row in read_rows(results / "demo_repair.jsonl")}
    accuracies, successes = ("suspect", "repaired", "defended"), ("suspect", "a clean model", "repaired", "first text")
    header = ("attack", *(f"CACC {each}" for each in accuracies), *(f"ASR {each}" for each in successes))
    rows = [
        (
            f"{row['attack']} on {row['data']}, repaired by `{row['method']}`",
            *(share([row], f"cacc_{when}", "n_clean") for when in ("suspect", "undefended", "defended")),
            *(share([row], f"asr_{when}", f"n_{when}") for when in ("suspect", "floor")),
            share([row], "asr_undefended", "n_scored"),
            cold([row]),
        )
        for row in latest.values()
    ]
    return markdown(header, rows)


def _targets_table(results: Path) -> str:
    latest = {row["target"]: row for row in read_rows(results / "targets.jsonl") if row["passed"]}
    rows = [(f"`make {row['target']}`", f"{row['seconds']:.0f}", str(row["n_cores"])) for row in latest.values()]
    return markdown(("in a fresh clone, the first with the installation", "seconds", "cores"), rows)


def _dependencies_table(results: Path) -> str:
    """What the last audit found."""
    last = read_rows(results / "dependencies.jsonl")[-1]
    found = [
        (each["id"], f"{each['package']} {each['version']}", each["fixed"] or "", each["summary"], each["here"])
        for each in last["findings"]
    ]
    counted = ", ".join(f"{n} {ecosystem}" for ecosystem, n in last["n_packages"].items())
    sources = ", ".join(f"{n} of `{name}`" for name, n in last["advisories"].items())
    table = markdown(("advisory", "installed", "fixed in", "what it is", "here"), found)
    return f"{last['time'][:10]}: packages: {counted}; advisories: {sources}.\n\n{table}"


def _victim(row: Row) -> str:
    own = "the demo's own small BERT on reviews made by the project"
    return own if row["base"] == "synthetic" else f"{row['base']} on {row['data']}"


TABLES: dict[str, Callable[[Path], str]] = {
    "admission": admission_table,
    "admission_summary": admission_summary,
    "ages": ages_table,
    "attacks": attacks_table,
    "candidates": partial(ablation_table, group="candidates"),
    "cluster": cluster_table,
    "corpus": corpus_table,
    "cost": cost_line,
    "decision": partial(ablation_table, group="decision"),
    "defenses": defenses_table,
    "demo": _demo_table,
    "demo_repair": _repaired_demo_table,
    "dependencies": _dependencies_table,
    "drift": drift_table,
    "faults": faults_table,
    "fuzz": fuzz_table,
    "gate_share": partial(ablation_table, group="gate_share"),
    "gates": gates_table,
    "grid": grid_table,
    "grid_clean": grid_clean_table,
    "grid_summary": grid_summary_table,
    "growth": length_table,
    "load": load_table,
    "memory": memory_table,
    "memory_growth": memory_growth_table,
    "paper_1": partial(paper_table, number=1),
    "paper_2": partial(paper_table, number=2),
    "paper_3": partial(paper_table, number=3),
    "paper_4": costs_table,
    "precision": precision_table,
    "neutralizer": partial(ablation_table, group="neutralizer"),
    "reference": partial(ablation_table, group="reference"),
    "repairs": repairs_table,
    "soak": soak_table,
    "speed": speed_table,
    "targets": _targets_table,
    "windows": windows_table,
}
