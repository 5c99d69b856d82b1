"""The README's tables of the grid: every cell that was run, and what they come to."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from statistics import mean

from handler.xgraad.options import DEFAULT_RULE
from scripts.lab.defenses import COLD, DEFENSES, among
from scripts.lab.grid.cell import DATASETS
from scripts.lab.grid.grid_rows import (
    ATTACK_FAILED,
    MEASURED,
    NO_ATTACK,
    attack_name,
    one_per_victim,
    read_cells,
    victim_key,
)
from scripts.results.rows import Row, markdown, spread
from scripts.results.shares import cold, own_label_kept, served, share

GROUPS: dict[str, tuple[str, ...]] = {
    "inserted words": ("badnets", "badnets_clean_label", "ripples", "badpre"),
    "phrases and sentences": (
        "phrase_james_bond",
        "phrase_silver_quill",
        "sentence",
        "sentence_of_three",
        "sentence_of_eight",
    ),
    "made against defenses": (
        "attention_suppression",
        "gradient_facade",
        "both_channels",
        "feature_stealth",
        "full_stealth",
        "typo_robust",
        "stop_word",
        "common_word",
        "meaningful_word",
        "source_specific",
        "sos",
        "parameter_stealth",
    ),
    "substituted words": ("lws", "lws_published"),
    "rewritten texts": ("hiddenkiller", "stylebkd_bible"),
}
ORDER = [attack for group in GROUPS.values() for attack in group]
ARCHITECTURES = ("bert", "distilbert", "electra", "albert", "roberta", "xlm-roberta", "deberta", "deberta-v2")
ByDefense = dict[str, list[Row]]
Rows = dict[tuple[object, ...], Row]
"""One for each victim and insertion, see `victim_key`."""


def grid_table(results: Path) -> str:
    """A line for each architecture, data set and attack, over its seeds."""
    found = _by_attack(results)
    names = _measured(found.values())
    first = among(names, headline=COLD)
    header = (
        *("architecture", "data", "attack", "seeds", "attacked texts", "CACC, clean model", "CACC", "ASR undefended"),
        "floor",
        *(f"first text, `{name}`" for name in first),
        *(f"served, `{name}`" for name in _remembering(names)),
        "trigger named",
        "own label kept",
        *(f"CACC change `{name}`" for name in first),
        "second passes, clean",
    )
    clean = _clean_accuracy(results)
    rows = [(*key, *_cells(defenses, names, clean.get(key[:2], ""))) for key, defenses in found.items()]
    return markdown(header, [row + ("",) * (len(header) - len(row)) for row in rows])


def grid_clean_table(results: Path) -> str:
    """What each base reaches on each data set without an attack, and what the defenses do to it."""
    found = _by_attack(results, attacks=(NO_ATTACK,))
    names = among(_measured(found.values()), headline=COLD)
    changed = tuple(f"labels changed `{name}`" for name in names)
    costs = tuple(f"CACC change `{name}`" for name in names)
    rows = [
        (
            *key[:2],
            str(len(next(iter(defenses.values())))),
            str(next(iter(defenses.values()))[0]["n_clean"]),
            share(next(iter(defenses.values())), "cacc_undefended", "n_clean"),
            *(share(defenses.get(name, []), "label_changed_rate", "n_clean", digits=4) for name in names),
            *(_cacc_change(defenses.get(name, [])) for name in names),
        )
        for key, defenses in found.items()
    ]
    return markdown(("architecture", "data", "seeds", "test texts", "CACC", *changed, *costs), rows)


def grid_summary_table(results: Path) -> str:
    """Means and worst cases of each kind of attack, of defenses that met every victim the default rule has met.

    Attacks that failed undefended are left out.
    """
    header = ("kind of attack", "victims", "attacks that failed", "defense", "mean ASR, first text", "worst")
    lines = []
    for kind, attacks in GROUPS.items():
        rows_of: defaultdict[str, Rows] = defaultdict(dict)
        for defenses in _by_attack(results, attacks=attacks).values():
            for name, rows in defenses.items():
                rows_of[name] |= {victim_key(row): row for row in rows}
        victims = rows_of[DEFAULT_RULE].keys()
        for name in among(rows_of, headline=COLD):
            if victims <= rows_of[name].keys():
                lines += [(kind, *cells) for cells in _summary(name, [rows_of[name][key] for key in victims])]
    return markdown((*header, "mean CACC change"), lines)


def _summary(name: str, rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """One line, none where nothing was measured."""
    measured = [row for row in rows if row["status"] == MEASURED]
    if not measured:
        return []
    start = (str(len(measured)), str(len(rows) - len(measured)), f"`{name}`")
    worst = max(measured, key=lambda row: float(row["asr_cold"]))
    where = "" if worst["asr_cold"] == 0 else f", {', '.join(_key(worst))}"
    return [(*start, spread(measured, "asr_cold"), f"{cold([worst])}{where}", _cacc_change(measured))]


def _measured(found: Iterable[ByDefense]) -> set[str]:
    """The defenses that have a row."""
    return {name for defenses in found for name in defenses}


def _remembering(names: Collection[str]) -> list[str]:
    """Those of the defenses that serve better than a first text is met with."""
    return [name for name in among(names) if DEFENSES[name].remembers]


def _by_attack(results: Path, attacks: Sequence[str] = ORDER) -> dict[tuple[str, str, str], ByDefense]:
    """Rows by architecture, data set and the attack's name in tables, and by defense; in the order of the tables."""
    found: defaultdict[tuple[str, str, str], ByDefense] = defaultdict(lambda: defaultdict(list))
    for row in read_cells(results / "grid.jsonl"):
        if row["attack"] in attacks:
            found[_key(row)][row["defense"]].append(row)
    return dict(sorted(found.items(), key=lambda item: _place(next(iter(item[1].values()))[0])))


def _place(row: Row) -> tuple[int, int, int, str]:
    """In the order of the tables."""
    attack = (NO_ATTACK, *ORDER).index(row["attack"])
    return ARCHITECTURES.index(row["architecture"]), DATASETS.index(row["dataset"]), attack, attack_name(row)


def _key(row: Row) -> tuple[str, str, str]:
    return str(row["architecture"]), str(row["dataset"]), attack_name(row)


def _cells(defenses: ByDefense, names: Collection[str], clean: str) -> tuple[str, ...]:
    usual = defenses.get(DEFAULT_RULE, [])
    rows = usual or next(iter(defenses.values()))
    start = (
        *(str(len(rows)), _total(rows), clean, share(rows, "cacc_undefended", "n_clean")),
        share(rows, "asr_undefended", "n_scored"),
    )
    if any(row["status"] == ATTACK_FAILED for row in rows):
        return (*start, "", ATTACK_FAILED)
    first = among(names, headline=COLD)
    return (
        *start,
        share(_floors(defenses), "asr_floor", "n_floor"),
        *(cold(defenses.get(name, [])) for name in first),
        *(served(defenses.get(name, [])) for name in _remembering(names)),
        share(usual, "named_cold", "n_triggered"),
        own_label_kept(usual),
        *(_cacc_change(defenses.get(name, [])) for name in first),
        share(usual, "second_pass_share", "n_clean"),
    )


def _floors(defenses: ByDefense) -> list[Row]:
    """What clean models say to the attacked texts, of each victim that was compared with one."""
    victims = one_per_victim(row for rows in defenses.values() for row in rows)
    return [row for row in victims if "asr_floor" in row]


def _total(rows: Sequence[Row]) -> str:
    return str(sum(row["n_triggered"] for row in rows)) if all("n_triggered" in row for row in rows) else ""


def _clean_accuracy(results: Path) -> dict[tuple[str, str], str]:
    """CACC of the clean model of each architecture and data set."""
    found = _by_attack(results, attacks=(NO_ATTACK,))
    return {
        key[:2]: share(next(iter(defenses.values())), "cacc_undefended", "n_clean") for key, defenses in found.items()
    }


def _cacc_change(rows: Sequence[Row]) -> str:
    return f"{mean(row['cacc_defended'] - row['cacc_undefended'] for row in rows):+.4f}" if rows else ""
