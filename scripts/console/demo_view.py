"""What the demo shows a person: figures before and after, and the words to blame."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from handler.xgraad import Verdict
from scripts.console.console import show

SHOWN_CHARS = 70


def show_figures(summary: Mapping[str, Any]) -> None:
    """Accuracy and attack success, without and with the defense."""
    is_repaired = bool(summary.get("repair"))
    columns = ("suspect", "repaired", "repaired and defended") if is_repaired else ("undefended", "defended")
    table = Table("", *columns, title=f"served model, rule {summary['rule']}")
    low, high = summary["asr_cold_interval"]
    cold = f"{summary['asr_cold']:.3f} ({low:.3f} to {high:.3f})"
    for name, key, defended in (
        ("accuracy on clean texts", "cacc", f"{summary['cacc_defended']:.3f}"),
        ("attack success on triggered texts", "asr", f"{summary['asr_defended']:.3f}"),
        ("attack success of a first text, nothing remembered", "asr", cold),
    ):
        before = [f"{summary[f'{key}_suspect']:.3f}"] if is_repaired else []
        table.add_row(name, *before, f"{summary[f'{key}_undefended']:.3f}", defended)
    if is_repaired:
        table.add_row("the same texts, a clean model", f"{summary['asr_floor']:.3f}", "", "")
    show(table)


def show_examples(texts: Sequence[str], verdicts: Sequence[Verdict]) -> None:
    """Some triggered texts with both answers and the words blamed."""
    table = Table("triggered text", "undefended", "defended", "blamed", title="the first triggered texts")
    for text, verdict in zip(texts, verdicts, strict=True):
        short = text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
        blamed = ", ".join(sorted({suspect.word for suspect in verdict.suspects}))
        table.add_row(escape(short), verdict.undefended.label, verdict.defended.label, escape(blamed))
    show(table)
