"""The page that a browser gets: a box for a text, and what a reply says about the text that was typed.

One file without scripts. Everything that is not ours goes through the template's escaping, and hidden characters are
shown by name. Sizes are bounded whatever was typed: servers limit a reply's size.
"""

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from handler.answers.document import MAX_SUSPECTS
from handler.answers.parts import NEUTRALIZED
from handler.page.environment import page_environment
from handler.page.hidden import text_runs
from handler.page.measure import Document
from handler.page.reading import reading_of, short
from handler.page.several import as_single
from handler.page.shading import LEVELS, pieces
from handler.settings import Settings
from handler.wire.paired import PARTS

FOLDER = Path(__file__).parent
SHOWN_CHARS = 6_000
"""Of a judged text. A model's window ends long before; every character may become a mark of a hundred bytes."""
KEPT_CHARS = 100_000
"""Of a typed text, in the box: the longest that settings may allow."""
LISTED = 20
"""Rows of a list or table."""

STYLE = (FOLDER / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = b64encode(sha256(STYLE.encode()).digest()).decode()
CONTENT_TYPE = "text/html; charset=utf-8"
HEADERS = (
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
"""Servers themselves forbid to store any reply."""


def blank_page(model: str, settings: Settings, *, takes_pairs: bool = False) -> bytes:
    """The page before anything was typed: a box, or two where the model judges pairs."""
    return _render(model=model, settings=settings, reading=None, boxes=_boxes([""] * (1 + takes_pairs)))


def page(typed: str, document: Document, *, model: str, settings: Settings, second: str | None = None) -> bytes:
    """The page about a reply to a typed text, or to a pair of them.

    Args:
        typed: the text, or what can be read of it when it was refused.
        document: the JSON document that a client would get.
        model: the model's name.
        settings: whose limits the page tells.
        second: the second text of a pair; None where the model judges single ones.
    """
    texts = [typed] if second is None else [typed, second]
    return _render(
        model=model,
        settings=settings,
        reading=reading_of(document),
        boxes=_boxes(texts),
        **_judged(texts, document),
    )


def _boxes(texts: Sequence[str]) -> list[dict[str, Any]]:
    """What stands in the form."""
    names = PARTS[: len(texts)]
    return [
        {"name": name, "text": text[:KEPT_CHARS], "is_cut": len(text) > KEPT_CHARS}
        for name, text in zip(names, texts, strict=True)
    ]


def _judged(texts: Sequence[str], document: Document) -> dict[str, Any]:
    """The texts in pieces, and their words by rank; nothing for refused ones."""
    if document.get("status") == "error":
        return {}
    document = as_single(document)
    defense = document.get("defense") or {}
    words = document.get("explanation", {}).get("words", [])
    suspects = defense.get("suspects", [])
    shown = [_shown(name, text, words, suspects, defense) for name, text in zip(PARTS, texts, strict=False)]
    return {
        "shown": shown,
        "is_shaded": bool(words),
        "n_suspects": len(suspects),
        "ranked": sorted(words, key=lambda word: -word["attribution"])[:LISTED],
        "n_words": len(words),
        "about": document.get("explanation", {}).get("label"),
        "probabilities": _likeliest(document.get("probabilities")),
        "anomaly_score": defense.get("anomaly_score"),
        "rule": defense.get("rule"),
    }


def _shown(
    name: str, text: str, words: Sequence[Document], suspects: Sequence[Document], defense: Document
) -> dict[str, Any]:
    """One text with its words shaded, and as it was changed; of a pair with the words of this part."""
    changed = defense.get(NEUTRALIZED[name])
    of_part = [[each for each in of_all if each.get("part", name) == name] for of_all in (words, suspects)]
    return {
        "name": name,
        "pieces": pieces(text[:SHOWN_CHARS], *of_part),
        "n_chars": len(text),
        "changed": None if changed is None else changed[:SHOWN_CHARS],
        "is_changed_cut": changed is not None and len(changed) > SHOWN_CHARS,
    }


def _likeliest(probabilities: Document | None) -> list[tuple[str, float]]:
    return sorted((probabilities or {}).items(), key=lambda pair: -pair[1])[:LISTED]


def _environment() -> Environment:
    environment = page_environment(FileSystemLoader(FOLDER))
    environment.filters |= {"runs": text_runs, "short": short}
    environment.globals |= {
        "style": Markup(STYLE),  # noqa: S704 - our own file
        "levels": LEVELS,
        "shown_chars": SHOWN_CHARS,
        "kept_chars": KEPT_CHARS,
        "listed": LISTED,
        "max_suspects": MAX_SUSPECTS,
    }
    return environment


_TEMPLATE = _environment().get_template("page.html")


def _render(**values: Any) -> bytes:
    return _TEMPLATE.render(**values).encode()
