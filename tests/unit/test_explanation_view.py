"""Explanations in the terminal: what the page tells, and nothing that a terminal would obey."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from rich.console import Console

from handler.settings import OnTrigger
from scripts.console.explanation_view import explained, legend, shaded_text
from tests.samples import a_reply, a_verdict
from tests.unit.test_reply_view import EXPLAINED, REFUSED, TEXT

HOSTILE = "a c\u200bf [red]x[/red] \x1b[31m \x1b]8;;http://x\x07 \u202e"


def plain(renderable: Any) -> str:
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(renderable)
    return capture.get()


def test_one_look_tells_the_trigger_and_both_labels() -> None:
    shown = plain(explained("a cf film", a_reply("a cf film", a_verdict(acted=True))))
    assert shown.startswith("Trigger found: “cf”\nWith it the model says good, without it bad.\n")
    assert "a [cf] film" in shown
    for line in ("without the defense  good 75.0 %", "with the defense     bad 62.5 %", "bad 62.5 %"):
        assert line in shown
    assert "The gate score is 3.5, above the threshold of 1.5; 3.1 % of clean texts reach it." in shown
    assert "“cf” became “zz” at character 3" in shown
    assert "highest attribution  cf 0.9, a 0.1, film 0.1" in shown


def test_an_untested_label_stands_out() -> None:
    shown = plain(explained("a cf film", a_reply("a cf film", replace(a_verdict(), tested=False))))
    assert shown.startswith("Not tested\n")
    assert "calibrated with too few texts" in shown
    assert "calibrated" not in plain(explained("a cf film", a_reply("a cf film", a_verdict())))


def test_a_clean_text() -> None:
    shown = plain(explained("a cf film", a_reply("a cf film", a_verdict())))
    assert shown.startswith("No trigger found\n")
    assert "[" not in shown
    assert "replaced" not in shown


@pytest.mark.parametrize("on_trigger", get_args(OnTrigger))
def test_every_policy_can_be_shown(on_trigger: OnTrigger) -> None:
    shown = plain(explained("a cf film", a_reply("a cf film", a_verdict(acted=True), on_trigger=on_trigger)))
    told = {"neutralize": "bad 62.5 %", "annotate": "good 75.0 %", "abstain": "none, it is withheld"}
    if on_trigger == "block":
        assert "This text is refused" in shown
        assert "holds a verified trigger" in shown
    else:
        assert f"answer given         {told[on_trigger]}" in shown


def test_a_refused_text_stands_beside_its_error() -> None:
    shown = plain(explained("x" * 100, REFUSED))
    assert "(Status 422, text_too_long)" in shown
    assert "x" * 59 + "…" in shown


def test_hostile_text_is_only_text() -> None:
    shown = plain(explained(HOSTILE, a_reply(HOSTILE, a_verdict(HOSTILE, acted=True))))
    assert "[c\\u200bf] [red]x[/red] \\u001b[31m \\u001b]8;;http://x\\u0007 \\u202e" in shown
    assert not [character for character in shown if character in "\x1b\x07\u200b\u202e"]


def test_colors_are_the_only_escapes_that_reach_a_terminal() -> None:
    console = Console(width=200, force_terminal=True, color_system="truecolor", legacy_windows=False)
    with console.capture() as capture:
        console.print(explained(HOSTILE, a_reply(HOSTILE, a_verdict(HOSTILE, acted=True))))
    escapes = capture.get().split("\x1b")[1:]
    assert escapes
    assert all(escape.startswith("[") and escape[1:].split("m")[0].replace(";", "").isdigit() for escape in escapes)


def test_shading_brackets_suspects_and_keeps_every_character() -> None:
    shown = shaded_text(TEXT, EXPLAINED)
    assert shown.plain == "a [red][c\\u200bf] film"
    assert any("bold underline" in str(span.style) for span in shown.spans)
    assert shaded_text("", {"explanation": {"words": []}}).plain == ""


def test_legend_names_what_is_marked() -> None:
    assert "[to blame]" in plain(legend())
