"""The page tells verdict, checks and triggers in words, and holds no markup but its own."""

import re
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from scripts.admission.report import page
from scripts.admission.report.check_rules import rule_of
from scripts.admission.report.page import LISTED, SHOWN_CHARS, Exhibit, scan_page, write_page
from scripts.admission.report.put_in import beginning, stretches
from scripts.admission.report.scale import EDGE, scale_of
from scripts.admission.scan import Scan, Status, TurnedText
from tests.browser import find_browser
from tests.pages import ReadPage
from tests.unit.admission.scans import (
    ADMITTED,
    INCONCLUSIVE,
    PAYLOADS,
    REFUSED,
    WAIVED,
    a_check,
    a_scan,
    a_trigger,
    numbers,
    scans,
    texts,
)
from tests.unit.test_page import luminance

PAPERS = ("paper", "sheet", "blame-paper", "unsure-paper", "clear-paper")
HOSTILE = "<img src=x onerror=alert(1)>"
EXHIBIT = Exhibit(
    title="Where it sits",
    caption="Darker is more.",
    picture=Markup('<svg viewBox="0 0 1 1"><rect width="1" height="1"/></svg>'),
    columns=("layer", "share"),
    rows=(("5", "0.75"),),
)


def read(scan: Scan, **options: Any) -> tuple[str, ReadPage, str]:
    """The page, what it is made of, and its words on one line."""
    body = scan_page(scan, **{"model": "toy"} | options)
    apart = re.sub("(</t[dh]>|</dt>)", r" \1", body)
    return body, ReadPage(body.encode()), " ".join(ReadPage(apart.encode()).words.split())


@cache
def own_parts() -> tuple[set[str], set[str]]:
    """Tags and attributes of pages without a hostile text."""
    every = a_scan(*REFUSED.checks, waived=("styles",), target_label="a\u200b")
    readers = [read(scan)[1] for scan in (ADMITTED, REFUSED, INCONCLUSIVE, WAIVED, every)]
    return set.union(*(each.tags for each in readers)), set.union(*(each.attributes for each in readers))


@pytest.mark.parametrize(
    ("scan", "headline", "meaning"),
    [
        (ADMITTED, "Admitted", "No check objects. That is no proof"),
        (WAIVED, "Admitted", "No check objects, and the operator does without Styles. That is no proof"),
        (REFUSED, "Refused", "1 of 3 checks objects: Words. Do not serve this checkpoint as it is."),
        (INCONCLUSIVE, "Inconclusive", "nobody can say whether this checkpoint is clean. Missing: Styles."),
    ],
)
def test_the_verdict_comes_first(scan: Scan, headline: str, meaning: str) -> None:
    body, _, words = read(scan)
    assert f"<title>{headline} · toy</title>" in body
    assert re.findall(r"<h2[^>]*>(.*?)</h2>", body)[0] == headline
    assert meaning in words
    assert ("is what an attacker would get" in words) == (scan is REFUSED)
    assert f'class="verdict {scan.verdict}"' in body


def test_a_refusal_without_a_target_says_so() -> None:
    assert "no check can tell" in read(a_scan(a_check("files", Status.OBJECTS)))[2]
    assert "no check can tell" not in read(REFUSED)[2]


@pytest.mark.parametrize("status", Status)
def test_each_status_is_told_in_words(status: Status) -> None:
    body, _, words = read(a_scan(a_check("styles", status)))
    told = {Status.PASSED: "passed", Status.OBJECTS: "objects", Status.SKIPPED: "did not look"}
    assert f"Styles {told[status]}" in words
    assert f'class="card {status}"' in body
    assert ("says nothing for or against" in words) == (status is Status.SKIPPED)
    assert (rule_of("styles").cure in words) == (status is Status.OBJECTS)
    assert ("This is why" in words) == (status is not Status.PASSED)
    for other in told.values():
        assert (f"Styles {other}" in words) == (other == told[status])


def test_what_did_not_look_and_what_was_waived_have_their_section() -> None:
    assert "Every check of this scan looked. No check was waived." in read(ADMITTED)[2]
    assert "Styles did not look: This is why styles are skipped. No check was waived." in read(INCONCLUSIVE)[2]
    words = read(WAIVED)[2]
    assert "Styles did not look, and was waived: This is why" in words
    assert "The operator does without: styles." in words
    assert "(waived by the operator)" in words


def test_triggers_stand_in_a_table_and_in_texts() -> None:
    body, reader, words = read(REFUSED)
    assert "cf good inside 87.5 % 0.9 / 0.5" in words
    assert "mn + bb good inside 87.5 % 0.75 / 0.5" in words
    assert "<mark>mn bb</mark>" in body
    assert "Triggers cf, mn + bb, tq" in words
    assert "without bad a dull film with good a cf dull film" in words
    assert {"mark", "caption", "thead"} <= reader.tags
    assert not {"mark", "caption"} & read(ADMITTED)[1].tags


def test_candidates_are_not_called_triggers() -> None:
    words = read(a_scan(a_check("words", triggers=(a_trigger("cf", strength=0.4),))))[2]
    assert "Words that came closest" in words
    assert "0.4 / 0.5, not above" in words
    assert "Trigger" not in words


def test_many_triggers_and_long_texts_are_cut_and_said_to_be() -> None:
    long = TurnedText(before="x " * SHOWN_CHARS, after="cf " + "x " * SHOWN_CHARS, label_before="a", label_after="b")
    many = (a_trigger("cf", examples=(long,) * (LISTED + 1)), *(a_trigger(f"w{n}") for n in range(200)))
    body, _, words = read(a_scan(a_check("words", Status.OBJECTS, triggers=many)))
    assert f"the most suspicious first; {LISTED} of 201" in words
    assert f"The first {SHOWN_CHARS} characters are shown." in words
    assert f"The first {LISTED} of {LISTED + 1} are shown." in words
    assert "and 198 more" in words
    assert len(body) < 1_000_000
    assert body.count("<mark>cf</mark>") == LISTED
    assert "are shown" not in read(REFUSED)[2]


def test_a_score_stands_beside_its_threshold_and_clean_models() -> None:
    body, _, words = read(REFUSED)
    assert "score 0.9 threshold 0.5, the score is above 2 clean models 0.1 to 0.2" in words
    assert body.count('<svg class="scale"') == 1
    assert "the score is not above" in read(ADMITTED)[2]
    assert 'class="scale"' not in read(INCONCLUSIVE)[0]
    alone = read(a_scan(a_check(score=0.25)))
    assert "score 0.25" in alone[2]
    assert 'class="scale"' not in alone[0]


@given(score=numbers, threshold=numbers, clean=numbers)
def test_places_on_the_scale_keep_the_order(score: float, threshold: float, clean: float) -> None:
    scale = scale_of(a_check(score=score, threshold=threshold, clean_scores=(clean,)))
    assert scale is not None
    assert scale.threshold is not None
    values, places = (score, threshold, clean), (scale.score, scale.threshold, *scale.clean)
    assert all(EDGE - 1e-9 <= place <= 100 - EDGE + 1e-9 for place in places)
    for value, place in zip(values, places, strict=True):
        for other, beside in zip(values, places, strict=True):
            assert place <= beside or value > other


@given(before=texts, after=texts, n_chars=st.integers(0, 30))
def test_a_text_in_stretches_is_the_text(before: str, after: str, n_chars: int) -> None:
    found = stretches(before, after)
    assert "".join(stretch.text for stretch in found) == after
    assert "".join(stretch.text for stretch in beginning(found, n_chars)) == after[:n_chars]
    assert not [stretch for stretch in stretches(before, before) if stretch.is_new]


def test_what_was_put_in_is_marked() -> None:
    found = stretches("a dull film", "mn a dull cf tq film")
    assert [stretch.text for stretch in found if stretch.is_new] == ["mn", "cf tq"]


def test_hidden_characters_are_shown_by_name() -> None:
    evil = "c\u200bf\u202e"
    body, _, words = read(
        a_scan(a_check("words", Status.OBJECTS, target_label=evil, triggers=(a_trigger(evil, label=evil),))), model=evil
    )
    assert '<abbr class="hid" title="U+202E RIGHT-TO-LEFT OVERRIDE">RLO</abbr>' in body
    assert "cZWSPfRLO" in words
    assert "\u202e" not in body
    assert "\u200b" not in body


def test_a_folder_whose_name_is_no_text_has_a_page(tmp_path: Path) -> None:
    write_page(tmp_path / "scan.html", ADMITTED, model="a\udcff")
    assert "U+DCFF" in ReadPage((tmp_path / "scan.html").read_bytes()).words


@settings(max_examples=60, deadline=None)
@given(scan=scans(), model=texts)
def test_any_text_is_only_text(scan: Scan, model: str) -> None:
    _, reader, _ = read(scan, model=model)
    tags, attributes = own_parts()
    assert reader.tags <= tags
    assert reader.attributes <= attributes


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_only_text_wherever_it_stands(payload: str) -> None:
    """Every place at once, so that none is left to chance."""
    example = TurnedText(before=payload, after=f"{payload} {payload}", label_before=payload, label_after=payload)
    told: dict[str, Any] = {"looked_for": payload, "reason": payload, "target_label": payload, "not_seen": (payload,)}
    trigger = a_trigger(payload, payload, label=payload, place=payload, examples=(example,))
    checks = [
        a_check("words", Status.OBJECTS, triggers=(trigger,), **told), a_check("files", Status.SKIPPED, **told),
    ]  # fmt: skip
    provenance = {payload: payload, "more": {payload: payload}}
    scan = a_scan(*checks, waived=(payload,), labels=(payload,), digest=payload, provenance=provenance)
    exhibit = Exhibit(title=payload, caption=payload, picture=Markup(""), columns=(payload,), rows=((payload,),))
    reader = read(scan, model=payload, exhibit=exhibit)[1]
    tags, attributes = own_parts()
    assert reader.tags <= tags | {"figure", "figcaption"}
    assert reader.attributes <= attributes


def test_the_reader_sees_markup_where_there_is_some() -> None:
    """Sanity arm: a picture is let through as it is."""
    evil = Exhibit(title="", caption="", picture=Markup(f"{HOSTILE}</img>"), columns=(), rows=())
    assert "img" in read(ADMITTED, exhibit=evil)[1].tags - own_parts()[0]


def test_an_exhibit_has_its_place() -> None:
    _, reader, words = read(REFUSED, exhibit=EXHIBIT)
    assert "Where it sits Darker is more. layer share 5 0.75" in words
    assert "figure" in reader.tags
    body, reader, _ = read(REFUSED)
    assert "figure" not in reader.tags
    assert "exhibit" not in body.split("</style>")[1]


def test_nothing_is_fetched_or_run() -> None:
    body, reader, _ = read(REFUSED, exhibit=EXHIBIT)
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & reader.tags
    assert not {"src", "style", "action"} & reader.attributes
    assert set(re.findall(r'href="(.)', body)) == {"#"}
    assert "url(" not in body
    assert "@import" not in body
    assert "default-src &#39;none&#39;" in body


@pytest.mark.parametrize("scan", [ADMITTED, REFUSED, INCONCLUSIVE, WAIVED])
def test_headings_labels_and_tables_for_those_who_listen(scan: Scan) -> None:
    body, _, _ = read(scan, exhibit=EXHIBIT)
    levels = [int(level) for level in re.findall(r"<h([1-6])", body)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    identifiers = re.findall(r' id="([\w-]+)"', body)
    assert len(identifiers) == len(set(identifiers))
    assert set(re.findall(r'(?:aria-labelledby|href)="#?([\w-]+)"', body)) <= set(identifiers)
    assert body.count("<th ") == len(re.findall(r'<th scope="(?:col|row)"', body))
    assert body.count("<th>") == 0
    pictures = body.count("<svg") - 1  # the exhibit's lies in something hidden
    assert pictures == body.count('aria-hidden="true" focusable="false"')


def test_no_two_statuses_share_a_form() -> None:
    """Signs are told apart without their color."""
    signs = {
        status: re.findall(rf'<svg class="sign {status}".*?>(.*?)</svg>', read(a_scan(a_check(status=status)))[0])
        for status in Status
    }
    assert all(len(set(found)) == 1 for found in signs.values())
    assert len({found[0] for found in signs.values()}) == len(Status)


def colors(scheme: str) -> dict[str, str]:
    """The style's colors by name."""
    style = (Path(page.__file__).parent / "templates/scan.css").read_text(encoding="utf-8")
    light, dark = style.split("@media screen and (prefers-color-scheme: dark)")
    return dict(re.findall(r"--([\w-]+): (#\w{6});", light if scheme == "light" else dark.split("* {")[0]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        *((ink, paper) for ink in ("ink", "soft") for paper in PAPERS),
        *((tone, paper) for tone in ("blame", "unsure", "clear") for paper in (f"{tone}-paper", "sheet")),
        ("mark-ink", "mark"),
    ],
)  # fmt: skip
def test_contrast_is_enough_to_read(scheme: str, ink: str, paper: str) -> None:
    """WCAG 2.2, level AA."""
    found = colors(scheme)
    low, high = sorted([luminance(found[ink]), luminance(found[paper])])
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_a_browser_shows_it_and_runs_nothing(tmp_path: Path) -> None:
    browser = find_browser(tmp_path / "profile")
    trigger = a_trigger(HOSTILE, "</style><script>document.title='owned'</script>", "c\u200bf\u202e")
    path = tmp_path / "new" / "scan.html"
    write_page(path, a_scan(a_check("words", Status.OBJECTS, triggers=(trigger,))), model="toy", exhibit=EXHIBIT)
    seen = browser.open(path.as_uri())
    assert "<title>Refused · toy</title>" in seen.dom
    assert "&lt;img src=x onerror=alert(1)&gt;" in seen.dom
    assert "<img" not in seen.dom
    assert "<script" not in seen.dom
    assert ">ZWSP</abbr>" in seen.dom
    assert "Content Security Policy" not in seen.log


def test_the_policy_stops_what_escaping_would_let_through(tmp_path: Path) -> None:
    """Without the policy the same page is taken over: the sanity arm."""
    browser = find_browser(tmp_path / "profile")
    body = scan_page(ADMITTED, model="toy").replace("</body>", "<script>document.title = 'owned'</script></body>")
    titles = []
    for name, text in (("with", body), ("without", re.sub(r"<meta http-equiv=.*?>", "", body))):
        (tmp_path / f"{name}.html").write_text(text)
        titles.append("<title>owned</title>" in browser.open((tmp_path / f"{name}.html").as_uri()).dom)
    assert titles == [False, True]
