"""The README's tables of what defenses hold against, what they cost clean models, and what each part is worth."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from handler.xgraad.options import DEFAULT_RULE, usual_neutralizer
from scripts.lab.defenses import COLD, among
from scripts.lab.grid.one_rule import of_one_rule
from scripts.results.rows import Row, markdown, read_rows, spread
from scripts.results.shares import cold, own_label_kept, served, share

Key = tuple[str, ...]

ONE_TRIGGER = ("one", "triggered.tsv.gz")
"""One trigger to a text, inserted by the evaluation or, in the victim's own test file, by its training."""


def attacks_table(results: Path) -> str:
    """Each attack, undefended and behind each defense, over its seeds."""
    found = _by_attack(results, lambda row: row["attack"] != "none")
    names = _first(found.values())
    header = (
        "attack (triggers)",
        "data",
        "seeds",
        f"attacked texts, {_named(names)}",
        "target",
        "ASR undefended",
        *(f"first text, `{name}`" for name in names),
        f"served, `{DEFAULT_RULE}`",
        "trigger named",
        "own label kept",
        *(f"CACC change `{name}`" for name in names),
        "second passes, clean",
    )
    return markdown(header, [(*key, *_attack_cells(rules, names)) for key, rules in found.items()])


def windows_table(results: Path) -> str:
    """Long texts looked at in windows, with triggers behind the first of them, by the way to their label."""
    rows = {(row["data"], row["texts"], row["windows"]): row for row in _rows(results, "windows")}
    header = (
        "victim, texts",
        "label",
        "windows of tokens",
        "CACC undefended",
        "CACC defended",
        "clean texts flagged",
        "clean texts acted on",
        "ASR undefended",
        "first text",
        "served",
    )
    return markdown(header, [_window_cells(row) for row in rows.values()])


def ablation_table(results: Path, group: str) -> str:
    """One group of variants, the victims side by side."""
    victims, arms = _by_arm(results, group)
    rows = [
        (arm, *(cell for victim in victims for cell in _ablation_cells(found.get(victim))))
        for arm, found in arms.items()
    ]
    columns = [
        f"{name}, {victim}" for victim in victims for name in ("ASR, first text", "CACC change", "second passes, clean")
    ]
    return markdown((group.replace("_", " "), *columns), rows)


def gates_table(results: Path) -> str:
    """For each feature the share of attacked texts that pass where a share of clean ones does."""
    victims, arms = _by_arm(results, "gate")
    rows = [
        (
            arm,
            *(
                " / ".join(f"{value:.2f}" for value in found[victim]["passes"].values()) if victim in found else ""
                for victim in victims
            ),
        )
        for arm, found in arms.items()
    ]
    return markdown(("gate feature", *(f"{victim}: at 5 / 10 / 20 % clean" for victim in victims)), rows)


def _by_attack(results: Path, keep: Callable[[Row], bool]) -> dict[Key, dict[str, list[Row]]]:
    """Rows of the default settings by (attack, data) and defense, one for each seed, the latest."""
    latest = {
        (_attack(row), _data(row), row["defense"], row["seed"]): row
        for row in _defense_rows(results)
        if keep(row) and row["registry"] and row["neutralizer"] == usual_neutralizer(row["defense"])
    }
    found: defaultdict[Key, defaultdict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in latest.values():
        found[_attack(row), _data(row)][row["defense"]].append(row)
    return {key: rules for key, rules in sorted(found.items(), key=lambda item: item[0][::-1]) if DEFAULT_RULE in rules}


def _first(found: Iterable[Mapping[str, Sequence[Row]]]) -> list[str]:
    """The defenses that have a row, as far as tables show what their first texts met with."""
    return among({name for rules in found for name in rules}, headline=COLD)


def _named(names: Iterable[str]) -> str:
    return " / ".join(f"`{name}`" for name in names)


def _attack_cells(rules: Mapping[str, list[Row]], names: Sequence[str]) -> tuple[str, ...]:
    usual = rules[DEFAULT_RULE]
    failed = not all(row["attack_works"] for row in usual)
    return (
        _seeds(usual),
        " / ".join(str(sum(row["n_triggered"] for row in rules[name])) for name in names),
        str(usual[0]["target_label"]),
        share(usual, "asr_undefended", "n_scored"),
        *("attack failed" if failed else cold(rules[name]) for name in names),
        "" if failed else served(usual),
        "" if failed else share(usual, "named_cold", "n_triggered"),
        own_label_kept(usual),
        *(spread(rules[name], _cacc_change, digits=4, sign="+") for name in names),
        share(usual, "second_pass_share", "n_clean"),
    )


def _window_cells(row: Row) -> tuple[str, ...]:
    clean = ("cacc_undefended", "cacc_defended", "false_positive_rate", "verified_rate")
    return (
        f"{row['attack']} on {row['data']}, {row['texts'].split('/')[0]}",
        f"`{row['windows']}`",
        f"{row['max_windows']} of {row['max_length']}",
        *(share([row], name, "n_clean") for name in clean),
        share([row], "asr_undefended", "n_scored"),
        cold([row]),
        served([row]),
    )


def _by_arm(results: Path, group: str) -> tuple[list[str], dict[str, dict[str, Row]]]:
    """The victims' names, and for each arm its row for each victim."""
    arms: defaultdict[str, dict[str, Row]] = defaultdict(dict)
    for row in _rows(results, "ablation"):
        if row["group"] == group:
            arms[row["arm"]][f"{row['attack']} on {row['data']}"] = row
    return sorted({victim for found in arms.values() for victim in found}), dict(arms)


def _ablation_cells(row: Row | None) -> tuple[str, ...]:
    if row is None:
        return ("", "", "")
    return cold([row]), f"{_cacc_change(row):+.4f}", share([row], "second_pass_share", "n_clean")


def _attack(row: Row) -> str:
    """The attack, its triggers, and how they were put in where that is not one at a time."""
    if row["attack"] == "none":
        return "none"
    how = "" if row.get("insertion", "one") in ONE_TRIGGER else f", {row['insertion']}"
    return f"{row['attack']} (`{'`, `'.join(row['triggers'])}`{how})"


def _data(row: Row) -> str:
    """The data, and of several labels the attacked one and what the attack does to it."""
    if "label_name" not in row:
        return str(row["data"])
    return f"{row['data']}, `{row['label_name']}` {'raised' if row['target_label'] else 'silenced'}"


def _cacc_change(row: Row) -> float:
    return float(row["cacc_defended"] - row["cacc_undefended"])


def _seeds(rows: Sequence[Row]) -> str:
    return str(len(rows))


def _defense_rows(results: Path) -> list[Row]:
    rows = read_rows(results / "defense.jsonl")
    return of_one_rule(rows, victim=lambda row: (_attack(row), _data(row), row["seed"]))


def _rows(results: Path, name: str) -> Iterable[Row]:
    return read_rows(results / f"{name}.jsonl")
