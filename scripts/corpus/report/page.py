"""One self-contained page about a screened corpus: styles inside, no script, nothing fetched, words of others escaped.

It names words of the corpus, those of triggers, and no text. Hidden characters are shown by name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.console.documents import document_template

PAGE = "summary.html"
LISTED = 50
"""Triggers, and files, that are shown."""


def corpus_page(summary: dict[str, Any]) -> str:
    """The page of a summary, see `summary_of`."""
    return _TEMPLATE.render(
        s=summary,
        triggers=summary["triggers"][:LISTED],
        files=sorted(summary["files"], key=lambda file: -file["n_verified"])[:LISTED],
        labels=list(dict.fromkeys([*summary["undefended_labels"], *summary["labels"]])),
        seconds=sum(each["seconds"] for each in summary["passes"]),
        headline=_headline(summary),
    )


def write_page(folder: Path, summary: dict[str, Any]) -> None:
    """Write it into the folder of the verdicts."""
    (folder / PAGE).write_text(corpus_page(summary), encoding="utf-8")


def _headline(summary: dict[str, Any]) -> tuple[str, str]:
    """What is to be seen first, and in which tone."""
    if summary["n_verified"]:
        n = summary["n_verified"]
        return "found", f"Triggers verified in {n:,} text{'s' if n > 1 else ''}"
    if not summary["n_judged"]:
        return "unsure", "No text could be judged"
    if summary["flag_rate_interval"][0] > summary["calibrated_flag_rate"]:
        return "unsure", "No trigger verified, but more texts stand out than clean ones do"
    return "clear", "No trigger verified"


def _bars(counts: Sequence[int]) -> list[float]:
    """Heights in percent of the highest."""
    highest = max([1, *counts])
    return [100 * count / highest for count in counts]


_TEMPLATE = document_template(__package__, "corpus.html", filters={"bars": _bars}, given={"listed": LISTED})
