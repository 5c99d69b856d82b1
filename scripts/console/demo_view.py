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
    table = Table("", "undefended", "defended", title=f"served model, rule {summary['rule']}")
    for name, key in (("accuracy on clean texts", "cacc"), ("attack success on triggered texts", "asr")):
        table.add_row(name, f"{summary[f'{key}_undefended']:.3f}", f"{summary[f'{key}_defended']:.3f}")
    low, high = summary["asr_cold_interval"]
    cold = f"{summary['asr_cold']:.3f} ({low:.3f} to {high:.3f})"
    table.add_row("attack success of a first text, nothing remembered", f"{summary['asr_undefended']:.3f}", cold)
    show(table)


def show_examples(texts: Sequence[str], verdicts: Sequence[Verdict]) -> None:
    """Some triggered texts with both answers and the words blamed."""
    table = Table("triggered text", "undefended", "defended", "blamed", title="the first triggered texts")
    for text, verdict in zip(texts, verdicts, strict=True):
        short = text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
        blamed = ", ".join(sorted({suspect.word for suspect in verdict.suspects}))
        table.add_row(escape(short), verdict.undefended.label, verdict.defended.label, escape(blamed))
    show(table)
