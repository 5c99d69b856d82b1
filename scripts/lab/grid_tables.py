"""The README's tables of the grid: every cell that was run, and what they come to."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from scripts.lab.grid.cell import DATASETS
from scripts.lab.grid_rows import ATTACK_FAILED, MEASURED, NO_ATTACK, REFERRED, SWEPT, attack_name, read_cells
from scripts.lab.results import Row, cold, markdown, spread

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
ARCHITECTURES = ("bert", "distilbert", "albert", "roberta", "deberta")
RULES = ("paper", "verified")

Rules = dict[str, list[Row]]


def grid_table(results: Path) -> str:
    """A line for each architecture, data set and attack, over its seeds."""
    header = (
        *("architecture", "data", "attack", "seeds", "attacked texts", "CACC, clean model", "CACC", "ASR undefended"),
        *(
            "floor",
            "first text, `paper`",
            "first text, `verified`",
            "first text, `referred`",
            "served, `verified`",
            "served after a sweep",
            "trigger named",
            "CACC change `paper`",
            "CACC change `verified`",
            "second passes, clean",
        ),
    )
    clean = _clean_accuracy(results)
    return markdown(
        header, [(*key, *_cells(rules, clean.get(key[:2], ""))) for key, rules in _by_attack(results).items()]
    )


def grid_clean_table(results: Path) -> str:
    """What each base reaches on each data set without an attack, and what the defense does to it."""
    header = ("architecture", "data", "seeds", "test texts", "CACC")
    changed = ("labels changed `paper`", "labels changed `verified`", "CACC change `paper`", "CACC change `verified`")
    rows = [
        (
            *key[:2],
            str(len(rules["verified"])),
            str(rules["verified"][0]["n_clean"]),
            spread(rules["verified"], "cacc_undefended"),
            *(spread(rules[rule], "label_changed_rate", digits=4) for rule in RULES),
            *(_cacc_change(rules[rule]) for rule in RULES),
        )
        for key, rules in _by_attack(results, attacks=(NO_ATTACK,)).items()
    ]
    return markdown((*header, *changed), rows)


def grid_summary_table(results: Path) -> str:
    """Means and worst cases of each kind of attack; attacks that failed undefended are left out."""
    header = (
        "kind of attack",
        "victims",
        "attacks that failed",
        "rule",
        "mean ASR, first text",
        "worst",
        "mean CACC change",
    )
    lines = []
    for name, attacks in GROUPS.items():
        cells = [
            rules for rules in _by_attack(results, attacks=attacks).values() if all(rule in rules for rule in RULES)
        ]
        n_failed = sum(row["status"] == ATTACK_FAILED for rules in cells for row in rules.get("verified", []))
        for rule in RULES:
            rows = [row for rules in cells for row in rules.get(rule, []) if row["status"] == MEASURED]
            if rows:
                worst = max(rows, key=lambda row: float(row["asr_cold"]))
                where = "" if worst["asr_cold"] == 0 else f" ({', '.join(_key(worst))})"
                figures = (spread(rows, "asr_cold"), f"{worst['asr_cold']:.3f}{where}", _cacc_change(rows))
                lines.append((name, str(len(rows)), str(n_failed), f"`{rule}`", *figures))
    return markdown(header, lines)


def _by_attack(results: Path, attacks: Sequence[str] = ORDER) -> dict[tuple[str, str, str], Rules]:
    """Rows by architecture, data set and the attack's name in tables, and by rule; in the order of the tables."""
    found: defaultdict[tuple[str, str, str], Rules] = defaultdict(lambda: defaultdict(list))
    for row in read_cells(results / "grid.jsonl"):
        if row["attack"] in attacks:
            found[_key(row)][row["rule"]].append(row)
    return dict(sorted(found.items(), key=lambda item: _place(next(iter(item[1].values()))[0])))


def _place(row: Row) -> tuple[int, int, int, str]:
    """In the order of the tables."""
    attack = (NO_ATTACK, *ORDER).index(row["attack"])
    return ARCHITECTURES.index(row["architecture"]), DATASETS.index(row["dataset"]), attack, attack_name(row)


def _key(row: Row) -> tuple[str, str, str]:
    return str(row["architecture"]), str(row["dataset"]), attack_name(row)


def _cells(rules: Rules, clean: str) -> tuple[str, ...]:
    rows = rules.get("verified") or next(iter(rules.values()))
    undefended = [row["victim"] for row in rows]
    start = (str(len(rows)), _total(rows), clean, spread(undefended, "cacc"), spread(undefended, "asr"))
    if any(row["status"] == ATTACK_FAILED for row in rows):
        return (*start, "", ATTACK_FAILED, ATTACK_FAILED, *[""] * 7)
    floors = [row["victim"] for row in rows if "asr_floor" in row["victim"]]
    asr = (
        spread(floors, "asr_floor"),
        *(cold(rules.get(rule, [])) for rule in (*RULES, REFERRED)),
        *(spread(rules.get(rule, []), "asr_defended") for rule in ("verified", SWEPT)),
        spread(rules.get("verified", []), "named_cold"),
    )
    changes = tuple(_cacc_change(rules.get(rule, [])) for rule in RULES)
    return (*start, *asr, *changes, spread(rules.get("verified", []), "second_pass_share"))


def _total(rows: Sequence[Row]) -> str:
    return str(sum(row["n_triggered"] for row in rows)) if all("n_triggered" in row for row in rows) else ""


def _clean_accuracy(results: Path) -> dict[tuple[str, str], str]:
    """CACC of the clean model of each architecture and data set."""
    found = _by_attack(results, attacks=(NO_ATTACK,))
    return {key[:2]: spread(next(iter(rules.values())), "cacc_undefended") for key, rules in found.items()}


def _cacc_change(rows: Sequence[Row]) -> str:
    return f"{mean(row['cacc_defended'] - row['cacc_undefended'] for row in rows):+.4f}" if rows else ""
