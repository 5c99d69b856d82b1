"""Whatever is typed: the page is well-formed, holds no markup but its own, and shows the text."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from handler.page.page import SHOWN_CHARS, page
from handler.settings import Settings
from handler.xgraad import Action, Suspect
from handler.xgraad.words.text import split_words
from tests.pages import ReadPage
from tests.samples import a_reply, a_verdict

PAYLOADS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</textarea><svg onload=alert(1)>",
    "</style></title>",
    '" onmouseover="alert(1)',
    "' style='x",
    "<!-- ",
    "-->",
    "<![CDATA[",
    "&lt;&#60;&amp;",
    "{{ 7 * 7 }}{% raw %}{#",
    "cf",
    "\r\n",
    "\u202e\u2066",
    "\x00\x1b[31m",
]
texts = st.lists(st.text(max_size=8) | st.sampled_from(PAYLOADS), min_size=1, max_size=12).map("".join)
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "p", "main", "section", "dl", "div", "dt",
    "dd", "span", "strong", "svg", "rect", "mark", "abbr", "q", "ul", "li", "details", "summary", "table", "caption",
    "thead", "tbody", "tr", "th", "td", "form", "label", "textarea", "button", "footer",
}  # fmt: skip
ATTRIBUTES = {
    "lang", "charset", "name", "content", "class", "id", "aria-labelledby", "aria-describedby", "aria-hidden",
    "viewbox",
    "preserveaspectratio", "focusable", "width", "height", "x", "y", "title", "data-code", "data-times", "dir", "scope",
    "method", "accept-charset", "for", "rows", "required", "spellcheck", "type", "role", "tabindex",
}  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A text, and a reply that blames some of its words."""
    text = draw(texts)
    words = split_words(text)
    chosen = draw(st.lists(st.sampled_from(words), unique=True, max_size=4)) if words else []
    suspects = tuple(
        Suspect(word=w.text, start=w.start, end=w.end, attribution=0.5, replacement=draw(texts | st.just("")))
        for w in chosen
    )
    changed = draw(texts) if chosen else None
    verdict = replace(
        a_verdict(acted=bool(chosen)),
        suspects=suspects,
        neutralized_text=changed,
        undefended=replace(a_verdict().undefended, label=draw(texts)),
        action=Action.NEUTRALIZED if chosen else Action.PASSED,
    )
    attributions = draw(st.lists(st.floats(-10, 10), min_size=1, max_size=5))
    return text, a_reply(text, verdict, attributions=attributions)


@settings(max_examples=300)
@given(case=cases(), model=texts)
def test_any_text_is_only_text(case: tuple[str, dict[str, Any]], model: str) -> None:
    text, document = case
    read = ReadPage(page(text, document, model=model, settings=Settings()))
    assert read.tags <= TAGS
    assert read.attributes <= ATTRIBUTES
    assert read.text == text[:SHOWN_CHARS]
    assert read.changed == document["defense"]["neutralized_text"]
    assert read.blamed == [s["word"] for s in sorted(document["defense"]["suspects"], key=lambda s: s["start"])]
    assert read.typed == text


@given(text=texts)
def test_a_refused_text_stays_in_the_box(text: str) -> None:
    document = {"status": "error", "error": {"code": 413, "type": "too_long", "message": "text: too long"}}
    read = ReadPage(page(text, document, model="toy", settings=Settings()))
    assert read.tags <= TAGS
    assert read.typed == text
    assert "(Status 413, too_long)" in read.words


def test_the_reader_sees_markup_where_there_is_some() -> None:
    """Sanity arm."""
    read = ReadPage(b'<p id="text" onclick="x">a<script></script></p>')
    assert "script" in read.tags - TAGS
    assert "onclick" in read.attributes - ATTRIBUTES
