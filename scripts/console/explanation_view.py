"""An explained reply in the terminal: what the page shows a browser, in the same words.

Nothing of it is read as rich's markup, and characters that a terminal would hide or obey are shown as escapes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from handler.page.measure import Measure
from handler.page.reading import Reading, Replaced, Told, Tone, reading_of
from handler.page.several import as_single
from handler.page.shading import LEVELS, pieces
from scripts.console.reply_view import clipped, visible

SHADES = ("", "on #fff1e2", "on #ffdfbd", "on #ffc78c", "on #fba95a", "on #f28a2e")
"""From no attribution to the largest of the text; the page's own."""
TONES = {
    Tone.FOUND: "bold red",
    Tone.UNSURE: "bold yellow",
    Tone.CLEAR: "bold green",
    Tone.PLAIN: "bold",
    Tone.REFUSED: "bold red",
}
BAR_CELLS = 30
LISTED = 5
"""Words named with their numbers, and places of a replacement."""


def explained(text: str, document: Mapping[str, Any]) -> Group:
    """Everything about one text: what was found, both predictions, the score, the shaded words, the replacements."""
    reading = reading_of(document)
    is_refused = reading.tone is Tone.REFUSED
    shown = clipped(text) if is_refused else shaded_text(text, document)
    facts = Table.grid() if is_refused else _facts(reading, document)
    return Group(_headline(reading), visible(reading.meaning), Padding(shown, (1, 2)), facts, Text())


def legend() -> Text:
    """What the shades and brackets mean."""
    blocks = [Text("  ", style=shade) for shade in SHADES[1:]]
    return Text("attribution from 0 ") + Text("").join(blocks) + Text(" to the largest of a text; [to blame]")


def shaded_text(text: str, document: Mapping[str, Any]) -> Text:
    """The text with each word shaded by its attribution; suspects stand bold and underlined in brackets."""
    words = document.get("explanation", {}).get("words", [])
    suspects = (as_single(document).get("defense") or {}).get("suspects", [])
    shown = Text()
    for piece in pieces(text, words, suspects):
        part = visible(piece.text)
        if piece.level:
            part.stylize(f"#1d1f23 {SHADES[min(piece.level, LEVELS)]}")
        if piece.suspect:
            part.stylize("bold underline")
            part = Text("[", style="bold") + part + Text("]", style="bold")
        shown.append_text(part)
    return shown


def _headline(reading: Reading) -> Text:
    named = [Text("“") + visible(word) + Text("”") for word in reading.words]
    headline = Text(reading.headline) + Text(": " if named else "") + Text(", ").join(named)
    if reading.n_more:
        headline.append(f" and {reading.n_more} more")
    headline.stylize(TONES[reading.tone])
    return headline


def _facts(reading: Reading, document: Mapping[str, Any]) -> Table:
    """Names and what is known; what is not told has no row."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    rows: list[tuple[str, Text | None]] = [
        ("without the defense", _prediction(reading.before)),
        ("with the defense", _prediction(reading.after)),
        ("answer given", _prediction(reading.answer) or Text("none, it is withheld")),
        ("what was done", Text(reading.done) if reading.done else None),
        ("trigger verified", Text(reading.verified) if reading.verified else None),
        ("tested", Text(reading.tested) if reading.tested else None),
        *(("about a label", visible(f"{label}: {told}")) for label, told in reading.of_labels),
        ("score", _meter(reading.measure)),
        ("highest attribution", _highest(document)),
        *(("replaced", _replaced(each)) for each in reading.replaced),
        ("changed text", _changed(document)),
        ("cut", Text("The model did not see the end of the text.") if reading.truncated else None),
    ]
    for name, value in rows:
        if value is not None:
            table.add_row(name, value)
    return table


def _prediction(told: Told | None) -> Text | None:
    if told is None:
        return None
    shown = visible(told.label)
    shown.stylize("bold")
    return shown + Text(f" {told.percent}".rstrip())


def _meter(measure: Measure | None) -> Text | None:
    """The score as a line, with a stroke at the threshold."""
    if measure is None:
        return None
    filled = round(measure.value_share * BAR_CELLS)
    tick = min(round(measure.threshold_share * BAR_CELLS), BAR_CELLS - 1)
    cells = ["━" if cell < filled else "─" for cell in range(BAR_CELLS)]
    cells[tick] = "┃"
    line = Text("".join(cells), style="red" if measure.exceeded else "")
    return Text("\n").join([line, Text(measure.sentence())])


def _highest(document: Mapping[str, Any]) -> Text | None:
    """The top words with their numbers: the shades for those who do not see them."""
    words: Sequence[Mapping[str, Any]] = document.get("explanation", {}).get("words", [])
    top = sorted(words, key=lambda word: -word["attribution"])[:LISTED]
    return Text(", ").join(visible(f"{word['word']} {word['attribution']:.3g}") for word in top) if top else None


def _changed(document: Mapping[str, Any]) -> Text | None:
    changed = (as_single(document).get("defense") or {}).get("neutralized_text")
    return None if changed is None else visible(changed)


def _replaced(each: Replaced) -> Text:
    became = Text(" became “") + visible(each.replacement) + Text("”") if each.replacement else Text(" was removed")
    places = ", ".join(map(str, each.starts[:LISTED])) + (", …" if len(each.starts) > LISTED else "")
    plural = "s" if len(each.starts) > 1 else ""
    return Text("“") + visible(each.word) + Text("”") + became + Text(f" at character{plural} {places}")
