"""The page by itself: its parts, its limits, its colors."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any, get_args

import pytest

from handler.answers.document import MAX_SUSPECTS
from handler.page.page import CONTENT_TYPE, HEADERS, KEPT_CHARS, SHOWN_CHARS, STYLE, blank_page, page
from handler.settings import Detail, Settings
from handler.xgraad import Suspect, Verdict
from handler.xgraad.words.text import split_words
from tests.pages import ReadPage
from tests.samples import a_reply, a_verdict

TEXT = "a cf film"
SMALL = 2_000_000
"""Bytes; half of what config.properties lets through."""


def shown(text: str, verdict: Verdict, **options: Any) -> tuple[bytes, ReadPage]:
    detail = options.get("detail", "full")
    body = page(text, a_reply(text, verdict, **options), model="toy", settings=Settings(detail=detail))
    return body, ReadPage(body)


def test_one_look_tells_the_trigger_and_both_labels() -> None:
    _, read = shown(TEXT, a_verdict(acted=True))
    words = " ".join(read.words.split())
    assert "Trigger found: cf" in words  # the quotation marks are the style's
    assert "With it the model says good, without it bad." in words
    assert "Without the defense good 75.0 %" in words
    assert "With the defense bad 62.5 %" in words
    assert "The gate score is 3.5, above the threshold of 1.5; 3.1 % of clean texts reach it." in words
    assert "cf became zz at character 3" in words
    assert (read.text, read.changed, read.blamed, read.typed) == (TEXT, "a zz film", ["cf"], TEXT)


def test_a_clean_text_has_nothing_to_blame() -> None:
    body, read = shown(TEXT, a_verdict())
    assert "No trigger found" in read.words
    assert "What was replaced" not in read.words
    assert read.blamed == []
    assert b"<mark" not in body


def test_words_are_shaded_and_numbered() -> None:
    body, _ = shown(TEXT, a_verdict(acted=True), attributions=(0.5, 1.0, -0.25))
    assert b'<span class="w s3" title="attribution 0.5">a</span>' in body
    assert b'<mark class="w s5 blamed" title="attribution 1">cf</mark><span class="tag">trigger</span>' in body
    assert b">film<" not in body.split(b'id="text"')[1].split(b"</p>")[0]  # less than nothing is not shaded
    assert b"<td>-0.25</td>" in body


def test_the_blank_page_asks_for_a_text() -> None:
    read = ReadPage(blank_page("toy", Settings(max_chars=77)))
    assert "Up to 77 characters." in read.words
    assert (read.text, read.typed) == (None, "")
    assert {"form", "textarea", "label", "button"} <= read.tags


@pytest.mark.parametrize("detail", get_args(Detail))
def test_a_page_tells_what_the_json_tells(detail: Detail) -> None:
    body, read = shown(TEXT, a_verdict(acted=True), detail=detail)
    assert ("75.0 %" in read.words) == (b"<svg" in body) == (b"attribution" in body) == (detail == "full")
    assert ("Trigger found" in read.words) == (read.blamed == ["cf"]) == (detail != "label")
    assert ("keeps its scores to itself" in read.words) == (detail != "full")
    assert "bad" in read.words  # the answer
    assert ("good" in read.words) == (detail != "label")


@pytest.mark.parametrize("on_trigger", ["neutralize", "annotate", "abstain", "block"])
def test_every_policy_has_a_page(on_trigger: str) -> None:
    _, read = shown(TEXT, a_verdict(acted=True), on_trigger=on_trigger)
    expected = {"abstain": "it is withheld", "block": "This text is refused", "annotate": "only reports"}
    assert expected.get(on_trigger, "the model asked again") in read.words
    assert read.typed == TEXT


def test_strangers_names_are_text() -> None:
    evil = '<img src=x onerror="alert(1)">\u202e'
    verdict = a_verdict(acted=True)
    verdict = replace(verdict, undefended=replace(verdict.undefended, label=evil, probabilities={evil: 1.0}))
    body = page(TEXT, a_reply(TEXT, verdict, on_trigger="annotate"), model=evil, settings=Settings())
    assert b"<img" not in body
    assert "img" not in ReadPage(body).tags
    assert "\u202e".encode() not in body.split(b"</header>")[1]


@pytest.mark.parametrize("text", ["\n\nfilm", " \n cf\n", "a\tb", "</textarea><script>"])
def test_the_box_keeps_what_was_typed(text: str) -> None:
    assert ReadPage(page(text, {"status": "error", "error": _ERROR}, model="toy", settings=Settings())).typed == text


_ERROR = {"code": 422, "type": "empty", "message": "text: must not be empty"}


@pytest.mark.parametrize("pattern", ["a ", "\u200b", "\u200b\u202e", "a\U000e0041", "&<", "'\"", "\x01 ", "中 "])
def test_the_longest_text_makes_a_small_page(pattern: str) -> None:
    text = "q cf " + (pattern * KEPT_CHARS)[: KEPT_CHARS - 5]
    places = [Suspect(word=w.text, start=w.start, end=w.end, attribution=1e-9, replacement=w.text * 3)
              for w in split_words(text)[:500]]  # fmt: skip
    verdict = replace(a_verdict(acted=True), suspects=tuple(places), neutralized_text=text)
    body, read = shown(text, verdict)
    assert len(body) < SMALL
    assert read.text == text[:SHOWN_CHARS]
    assert f"The first {SHOWN_CHARS} of {len(text)} characters are shown." in read.words
    assert ("may stand in more" in read.words) == (len(places) >= MAX_SUSPECTS)


def test_a_text_beyond_all_limits_is_cut_in_the_box() -> None:
    text = "&" * (10 * KEPT_CHARS)
    body = page(text, {"status": "error", "error": _ERROR}, model="toy", settings=Settings())
    assert len(body) < SMALL
    assert ReadPage(body).typed == text[:KEPT_CHARS]
    assert f"Only the first {KEPT_CHARS} characters" in ReadPage(body).words


def test_many_long_labels_make_a_small_page() -> None:
    many = {f"{number}{'<' * 5000}": 1e-4 for number in range(1000)}
    verdict = a_verdict(acted=True)
    labelled = replace(verdict.undefended, label="<" * 10**6, probabilities=many)
    body, _ = shown(TEXT, replace(verdict, undefended=labelled), on_trigger="annotate")
    assert len(body) < SMALL


def test_the_policy_of_the_page_allows_its_style_and_nothing_else() -> None:
    body = blank_page("toy", Settings())
    (style,) = re.findall(rb"<style>(.*?)</style>", body, flags=re.DOTALL)
    digest = b64encode(sha256(style).digest()).decode()
    headers = dict(HEADERS)
    assert headers["Content-Security-Policy"].split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    for name, value in (*HEADERS, ("content-type", CONTENT_TYPE)):  # TorchServe counts characters and writes bytes
        assert (name + value).isascii()
        assert (name + value).isprintable()


def colors(scheme: str) -> dict[str, str]:
    """The style's colors by name."""
    light, dark = STYLE.split("@media (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([\w-]+): (#\w{6});", light if scheme == "light" else dark.split("* {")[0]))


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


PAIRS = [
    *(("ink", paper) for paper in ("paper", "sheet", "blame-paper", "unsure-paper", "clear-paper", "plain-paper")),
    *(("soft", paper) for paper in ("paper", "sheet", "blame-paper", "unsure-paper", "clear-paper", "plain-paper")),
    *((tone, f"{tone}-paper") for tone in ("blame", "unsure", "clear", "plain")),
    *(("shade-ink", f"s{level}") for level in range(1, 6)),
    *((tone, "sheet") for tone in ("blame", "clear")),
    ("button-ink", "button"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "paper"), PAIRS)
def test_contrast_is_enough_to_read(scheme: str, ink: str, paper: str) -> None:
    """WCAG 2.2, level AA."""
    found = colors(scheme)
    low, high = sorted([luminance(found[ink]), luminance(found[paper])])
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_shades_differ_from_one_another() -> None:
    for scheme in ("light", "dark"):
        shades = [luminance(colors(scheme)[name]) for name in ("sheet", "s1", "s2", "s3", "s4", "s5")]
        assert shades == sorted(shades, reverse=scheme == "light")


def test_labels_and_language_for_those_who_listen() -> None:
    body, _ = shown(TEXT, a_verdict(acted=True))
    assert b'<html lang="en">' in body
    labelled = set(re.findall(rb'(?:for|aria-labelledby|aria-describedby)="([\w-]+)"', body))
    identifiers = re.findall(rb' id="([\w-]+)"', body)
    assert labelled <= set(identifiers)
    assert len(identifiers) == len(set(identifiers))
    assert body.count(b"<svg") == body.count(b'aria-hidden="true" focusable="false"')  # what they show stands in words
    assert b"<th scope=" in body


def test_words_of_another_direction_do_not_turn_the_sentence_around_them() -> None:
    """Two Arabic words in a row would else be shown the second first."""
    text = "a \u0623\u0631\u062c\u0648\u0627\u0646 film"
    body = page(text, a_reply(text, a_verdict(text, acted=True)), model="toy", settings=Settings())
    quoted = re.findall(r"<q[^>]*>", body.decode())
    assert len(quoted) >= 2
    assert set(quoted) == {'<q dir="auto">'}
