"""Replies of the defended model as a table for a terminal.

The texts may come from an attacker. They are never read as rich's markup, and characters that a terminal would hide or
obey are shown as escapes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from handler.page.hidden import is_hidden
from handler.page.several import as_single
from scripts.console.terminal import escape

SHORT_CHARS = 60


def visible(text: str) -> Text:
    """The text with hidden characters as reversed escapes."""
    shown = Text()
    for character in text:
        if is_hidden(character):
            shown.append(escape(character), style="reverse")
        else:
            shown.append(character)
    return shown


def clipped(text: str) -> Text:
    """The beginning of a text, on one line."""
    short = text if len(text) <= SHORT_CHARS else text[: SHORT_CHARS - 1] + "…"
    return visible(short)


def reply_table(texts: Sequence[str], documents: Sequence[Mapping[str, Any]]) -> Table:
    """One row per text: the answer, both predictions, the decision, and the suspects; a dash for what is not told."""
    table = Table("text", "answer", "undefended", "defended", "flagged", "suspects")
    for text, document in zip(texts, documents, strict=True):
        table.add_row(clipped(text), *_cells(document))
    return table


def _cells(document: Mapping[str, Any]) -> tuple[Text, Text, Text, Text, Text]:
    nothing = Text("-")
    if document.get("status") == "error":
        error = document["error"]
        message = visible(f"error {error['code']} {error['type']}: {error['message']}")
        return nothing, nothing, nothing, nothing, message
    document = as_single(document)
    defense = document.get("defense") or {}
    both = _prediction(defense.get("undefended")), _prediction(defense.get("defended"))
    return _prediction(document), *both, _flagged(defense), _suspects(defense)


def _flagged(defense: Mapping[str, Any]) -> Text:
    """Whether, and what was done; an undefended answer has no flag and stands out all the more."""
    untested = ", not tested" if defense.get("tested") is False else ""
    if "action" not in defense:
        return Text(untested.removeprefix(", ") or "-", style="bold red" if untested else "")
    flagged = defense.get("flagged")
    if flagged is False:
        return Text(f"no{untested}", style="bold red" if untested else "")
    return Text(f"{'yes' if flagged else 'unknown'}, {defense['action']}{untested}", style="bold red")


def _prediction(prediction: Mapping[str, Any] | None) -> Text:
    """Label and score; a policy may withhold a prediction."""
    if prediction is None or prediction.get("label") is None:
        return Text("-")
    return visible(f"{prediction['label']} {_number(prediction.get('score'))}".rstrip())


def _suspects(defense: Mapping[str, Any]) -> Text:
    listed = [
        visible(f"{suspect['word']} {_number(suspect.get('attribution'))}".rstrip(" "))
        for suspect in defense.get("suspects", [])
    ]
    return Text(", ").join(listed)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
