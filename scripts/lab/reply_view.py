"""Replies of the defended model as tables and shaded texts for a terminal.

The texts may come from an attacker. They are never read as rich's markup, and characters that a terminal would hide or
obey are shown as escapes.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

HIDDEN_CATEGORIES = {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"}
HIDDEN_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe0e\ufe0f")
"""Invisible characters that Unicode files under letters and marks."""
SHADES = ("", "on #fff0e0", "on #fdd0a2", "on #fdae6b", "on #f16913", "on #a63603")
"""From no attribution to the largest of the text."""
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


def is_hidden(character: str) -> bool:
    """Whether a terminal would not show the character as it is; the plain space is not hidden."""
    hidden = unicodedata.category(character) in HIDDEN_CATEGORIES or character in HIDDEN_LETTERS
    return hidden and character != " "


def escape(character: str) -> str:
    r"""A character as `\uXXXX`, or `\UXXXXXXXX` beyond the first plane."""
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def reply_table(texts: Sequence[str], documents: Sequence[Mapping[str, Any]]) -> Table:
    """One row per text: the answer, both predictions, the decision, and the suspects; a dash for what is not told."""
    table = Table("text", "answer", "undefended", "defended", "flagged", "suspects")
    for text, document in zip(texts, documents, strict=True):
        table.add_row(_shortened(text), *_cells(document))
    return table


def _shortened(text: str) -> Text:
    short = text if len(text) <= SHORT_CHARS else text[: SHORT_CHARS - 1] + "…"
    return visible(short)


def _cells(document: Mapping[str, Any]) -> tuple[Text, Text, Text, Text, Text]:
    nothing = Text("-")
    if document.get("status") == "error":
        error = document["error"]
        message = visible(f"error {error['code']} {error['type']}: {error['message']}")
        return nothing, nothing, nothing, nothing, message
    defense = document.get("defense") or {}
    both = _prediction(defense.get("undefended")), _prediction(defense.get("defended"))
    return _prediction(document), *both, _flagged(defense), _suspects(defense)


def _flagged(defense: Mapping[str, Any]) -> Text:
    """Whether, and what was done; an undefended answer has no flag and stands out all the more."""
    if not defense:
        return Text("-")
    flagged = defense.get("flagged")
    if flagged is False:
        return Text("no")
    return Text(f"{'yes' if flagged else 'unknown'}, {defense['action']}", style="bold red")


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


def shaded_text(text: str, document: Mapping[str, Any]) -> Text:
    """The text with each word shaded by its attribution; suspects stand bold and underlined in brackets."""
    words = sorted(document["explanation"]["words"], key=lambda word: word["start"])
    suspects = {(suspect["start"], suspect["end"]) for suspect in (document.get("defense") or {}).get("suspects", [])}
    largest = max((word["attribution"] for word in words), default=0.0)
    shown, position = Text(), 0
    for word in words:
        start, end = word["start"], word["end"]
        shown.append_text(visible(text[position:start]))
        shown.append_text(
            _shaded_word(text[start:end], share_of(word["attribution"], largest), (start, end) in suspects)
        )
        position = end
    return shown.append_text(visible(text[position:]))


def _shaded_word(word: str, share: float, suspect: bool) -> Text:
    shade = SHADES[min(round(share * (len(SHADES) - 1)), len(SHADES) - 1)]
    shown = visible(word)
    if shade:
        shown.stylize(f"{'white' if shade == SHADES[-1] else 'black'} {shade}")
    if suspect:
        shown.stylize("bold underline")
        shown = Text("[", style="bold") + shown + Text("]", style="bold")
    return shown


def share_of(value: float, largest: float) -> float:
    """A value as a share of the largest, in [0, 1]."""
    return min(max(value / largest, 0.0), 1.0) if largest > 0 else 0.0


def legend(shades: Iterable[str] = SHADES[1:]) -> Text:
    """What the shades and brackets mean."""
    blocks = [Text("  ", style=shade) for shade in shades]
    return Text("attribution ") + Text("").join(blocks) + Text(" largest of the text; [suspect]")
