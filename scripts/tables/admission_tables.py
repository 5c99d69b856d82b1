"""The tables of scans: what was said of each model, and how often that was right."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.lab.evaluation.metrics import auroc, auroc_interval
from scripts.results.rows import Row, markdown, read_rows

SCORED = ("words", "styles", "overshoot")
"""Checks that measure, each a column."""
CLEAN, ATTACKED = "clean", "attacked, all"
FIRST = 5
"""Triggers among which a planted one should be."""


def admission_table(results: Path) -> str:
    """Each model's scan, the latest."""
    rows = [
        (
            row["attack"],
            _or_nothing(row["dataset"]),
            _or_nothing(row["architecture"]),
            row["verdict"],
            f"{row['score']:.2f}",
            *(_score_of(row, check) for check in SCORED),
            _target(row),
            ", ".join(f"`{' + '.join(words)}`" for words in row["triggers"][:FIRST]),
            _without_heads(row),
            f"{row['seconds']:.0f}",
        )
        for row in _latest(results)
    ]
    found = (
        "verdict",
        "score (bar 1)",
        *SCORED,
        "target named",
        f"first {FIRST} triggers",
        "ASR without heads",
        "seconds",
    )
    return markdown(("attack", "data", "architecture", *found), rows)


def admission_summary(results: Path) -> str:
    """For each family how many were refused, and how well the score tells them from clean models."""
    families: dict[str, list[Row]] = defaultdict(list)
    for row in _latest(results):
        families[_family(row)].append(row)
        if _family(row) != CLEAN:
            families[ATTACKED].append(row)
    clean = [row["score"] for row in families[CLEAN]]
    rows = [
        (
            family,
            str(len(of_family)),
            str(sum(row["verdict"] == "refused" for row in of_family)),
            "" if family == CLEAN or not clean else _area(clean, [row["score"] for row in of_family]),
            "" if family == CLEAN else _share(of_family, _names_target),
            "" if family == CLEAN else _share(of_family, _names_trigger),
        )
        for family, of_family in sorted(families.items(), key=lambda each: (each[0] not in (CLEAN, ATTACKED), each[0]))
        if of_family
    ]
    found = ("models", "refused", "AUROC beside the clean ones", "target named", f"a planted word in the first {FIRST}")
    return markdown(("family", *found), rows)


def _area(clean: Sequence[float], attacked: Sequence[float]) -> str:
    area = auroc(clean, attacked)
    low, high = auroc_interval(area, len(clean), len(attacked))
    return f"{area:.3f} ({low:.3f} to {high:.3f})"


def _score_of(row: Row, check: str) -> str:
    score = row["checks"].get(check, {}).get("score")
    return "" if score is None else f"{score:.2f}"


def _latest(results: Path) -> list[Row]:
    """Of each model the last row with a score, ordered by what was planted."""
    latest = {
        (row["attack"], row["dataset"], row["architecture"], str(row["planted"]), row["seed"]): row
        for row in read_rows(results / "admission.jsonl")
        if row["score"] is not None
    }
    return [latest[key] for key in sorted(latest, key=lambda key: tuple(map(str, key)))]


def _family(row: Row) -> str:
    """The attack; with words of which each is a trigger, or with phrases."""
    triggers = row["planted"].get("triggers") or []
    is_phrase = any(len(trigger.split()) > 1 for trigger in triggers)
    return CLEAN if row["attack"] == "none" else f"{row['attack']}, phrase" if is_phrase else str(row["attack"])


def _target(row: Row) -> str:
    if row["verdict"] != "refused":
        return ""
    return "right" if _names_target(row) else "wrong"


def _names_target(row: Row) -> bool:
    return row["attack"] != "none" and row["target_label"] == f"LABEL_{row['planted'].get('target_label')}"


def _names_trigger(row: Row) -> bool:
    """Of a phrase any of its words."""
    planted = {word for trigger in row["planted"].get("triggers") or [] for word in trigger.lower().split()}
    return any(planted & set(words) for words in row["triggers"][:FIRST])


def _share(rows: list[Row], is_so: Callable[[Row], bool]) -> str:
    return f"{sum(map(is_so, rows))} of {len(rows)}"


def _without_heads(row: Row) -> str:
    """What is left of the attack without the heads that it passes through, where there are any."""
    if not row["where"] or not row["where"]["ablation"]["heads"]:
        return ""
    found = row["where"]["ablation"]
    return f"{found['asr_before']:.2f} → {found['asr_after']:.2f} ({found['share_of_heads']:.0%} of heads)"


def _or_nothing(value: str | None) -> str:
    return value or ""
