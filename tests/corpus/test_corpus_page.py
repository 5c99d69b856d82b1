"""The page of a screened corpus: what it shows, of words that come from attackers too, and what it never has."""

from typing import Any

import pytest

from scripts.console.documents import POLICY
from scripts.corpus.report.page import LISTED, corpus_page
from tests.pages import ReadPage

TRIGGER = {
    "words": ["<b>cf</b>", "m\u200bn"],
    "label_id": 1,
    "label": "good",
    "n_rows": 3,
    "n_verified_cold": 2,
    "tenths": [3, 0, 0, 0, 0, 1, 0, 0, 0, 2],
}
SUMMARY: dict[str, Any] = {
    "model": "toy",
    "n_rows": 1200,
    "n_judged": 1199,
    "n_errors": 1,
    "errors": {"text must be a string": 1},
    "n_flagged": 90,
    "flag_rate": 0.075,
    "flag_rate_interval": [0.06, 0.09],
    "calibrated_flag_rate": 0.05,
    "n_verified": 3,
    "n_label_changed": 3,
    "n_untested": 0,
    "n_truncated": 2,
    "n_again": 1,
    "labels": {"good": 599, "bad": 600},
    "undefended_labels": {"good": 602, "bad": 597},
    "p_values": [90, *[60] * 19],
    "n_triggers": 1,
    "triggers": [TRIGGER],
    "files": [{"path": "/data/a.parquet", "n_rows": 1200, "sha256": "0", "n_verified": 3}],
    "passes": [{"number": 1, "n_known": 0, "n_judged": 1199, "seconds": 61.4}],
    "workers": 2,
    "gpus": 0,
    "commit": "c0ffee",
    "dirty": False,
    "versions": {"torch": "2.13.0"},
    "time": "2026-01-01T00:00:00+00:00",
}
CLEAN = SUMMARY | {"n_verified": 0, "n_triggers": 0, "triggers": [], "flag_rate_interval": [0.04, 0.09]}


def read(summary: dict[str, Any]) -> tuple[str, str]:
    page = corpus_page(summary)
    return page, " ".join(ReadPage(page.encode()).words.split())


def test_one_look_tells_what_was_found() -> None:
    page, words = read(SUMMARY)
    assert "Triggers verified in 3 texts" in words
    assert "1,199 (99.92 %)" in words
    assert "calibrated for at most 5 % of clean texts" in words
    assert "<dt>1</dt><dd>text must be a string</dd>" in page
    assert "/data/a.parquet" in words
    assert "<b>cf</b>" in words  # as it is written, not as markup
    assert "&lt;b&gt;cf&lt;/b&gt;" in page
    assert "ZWSP" in words


@pytest.mark.parametrize(
    ("change", "headline"),
    [
        ({}, "No trigger verified"),
        ({"flag_rate_interval": [0.06, 0.09]}, "No trigger verified, but more texts stand out than clean ones do"),
        ({"n_judged": 0, "flag_rate_interval": None}, "No text could be judged"),
        ({"n_verified": 1}, "Triggers verified in 1 text"),
    ],
)
def test_headlines(change: dict[str, Any], headline: str) -> None:
    assert f"<title>{headline}</title>" in corpus_page(CLEAN | change)


def test_nothing_is_run_or_fetched() -> None:
    page = corpus_page(SUMMARY)
    found = ReadPage(page.encode())
    assert not found.tags & {"script", "link", "img", "iframe", "form", "object"}
    assert not {name for name in found.attributes if name.startswith("on")} | (found.attributes & {"src", "href"})
    assert POLICY.replace("'", "&#39;") in page


def test_a_crowd_of_triggers_and_files_is_cut() -> None:
    crowd = SUMMARY | {"triggers": [TRIGGER] * 99, "n_triggers": 99, "files": SUMMARY["files"] * 99}
    page, words = read(crowd)
    assert page.count("/data/a.parquet") == LISTED
    assert f"{LISTED} of 99" in words
