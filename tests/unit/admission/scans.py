"""Scans that nobody made, for what tells of them; and any scan, for Hypothesis."""

from typing import Any

from hypothesis import strategies as st

from scripts.admission.report.check_rules import RULES
from scripts.admission.scan import CheckResult, FoundTrigger, Scan, Status, TurnedText, verdict_of
from tests.samples import FINGERPRINT

CHECKS = tuple(rule.check for rule in RULES)
PROVENANCE = {
    "commit": "c" * 40,
    "dirty": False,
    "versions": {"python": "3.11.9", "torch": "2.13.0"},
    "time": "2026-01-02T03:04:05+00:00",
}


def a_trigger(*words: str, strength: float = 0.9, **changes: Any) -> FoundTrigger:
    example = TurnedText(
        before="a dull film", after=f"a {' '.join(words)} dull film", label_before="bad", label_after="good"
    )
    usual: dict[str, Any] = {
        "label_id": 1, "label": "good", "place": "inside", "rate": 0.875, "threshold": 0.5, "examples": (example,),
    }  # fmt: skip
    return FoundTrigger(words=words, strength=strength, **usual | changes)


def a_check(check: str = "words", status: Status = Status.PASSED, **changes: Any) -> CheckResult:
    usual: dict[str, Any] = {"looked_for": f"What {check} look for.", "evidence": {}, "seconds": 1.25}
    if status is not Status.PASSED:
        usual["reason"] = f"This is why {check} are {status}."
    return CheckResult(check=check, status=status, **usual | changes)


def a_scan(*checks: CheckResult, waived: tuple[str, ...] = (), **changes: Any) -> Scan:
    named = [check.target_label for check in checks if check.status is Status.OBJECTS and check.target_label]
    usual: dict[str, Any] = {
        "verdict": verdict_of(checks, waived), "target_label": named[0] if named else None, "labels": ("bad", "good"),
        "architecture": "bert", "n_texts": 200, "digest": "d" * 64, "fingerprint": FINGERPRINT, "seconds": 12.5,
        "provenance": PROVENANCE,
    }  # fmt: skip
    return Scan(checks=checks, waived=waived, **usual | changes)


ADMITTED = a_scan(*(a_check(check, score=0.25, threshold=0.5) for check in CHECKS))
REFUSED = a_scan(
    a_check("files"),
    a_check(
        "words", Status.OBJECTS, target_label="good", score=0.9, threshold=0.5, clean_scores=(0.1, 0.2),
        triggers=(a_trigger("cf"), a_trigger("mn", "bb", strength=0.75), a_trigger("tq", strength=0.6)),
        not_seen=("Words of no vocabulary.",),
    ),
    a_check("styles", Status.SKIPPED),
)  # fmt: skip
INCONCLUSIVE = a_scan(a_check("files"), a_check("styles", Status.SKIPPED))
WAIVED = a_scan(a_check("files"), a_check("styles", Status.SKIPPED), waived=("styles",))

PAYLOADS = (
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</table></section><svg onload=alert(1)>",
    "</style></title>", '" onmouseover="alert(1)', "' style='x", "<!-- ", "-->", "<![CDATA[", "&lt;&#60;&amp;",
    "{{ 7 * 7 }}{% raw %}{#", "{0}", "[here](http://127.0.0.1/)", "cf", "\r\n", "\u202e\u2066", "\u200b",
    "\x00\x1b[31m",
)  # fmt: skip
texts = st.lists(st.text(max_size=8) | st.sampled_from(PAYLOADS), max_size=5).map("".join)
numbers = st.floats(allow_nan=False, allow_infinity=False)
_examples = st.builds(TurnedText, before=texts, after=texts, label_before=texts, label_after=texts)
_triggers = st.builds(
    FoundTrigger, words=st.lists(texts, min_size=1, max_size=3).map(tuple), label_id=st.integers(0, 9), label=texts,
    place=texts, rate=st.floats(0, 1), strength=numbers, threshold=numbers,
    examples=st.lists(_examples, max_size=2).map(tuple),
)  # fmt: skip


def _checks(check: str) -> st.SearchStrategy[CheckResult]:
    return st.builds(
        CheckResult, check=st.just(check), looked_for=texts, status=st.sampled_from(Status),
        reason=st.none() | texts, score=st.none() | numbers, threshold=st.none() | numbers,
        clean_scores=st.lists(numbers, max_size=3).map(tuple), target_label=st.none() | texts,
        triggers=st.lists(_triggers, max_size=3).map(tuple), examples=st.lists(_examples, max_size=2).map(tuple),
        not_seen=st.lists(texts, max_size=2).map(tuple),
        evidence=st.dictionaries(texts, texts | numbers, max_size=2), seconds=numbers,
    )  # fmt: skip


@st.composite
def scans(draw: st.DrawFn) -> Scan:
    """Any scan, with the verdict that its checks give."""
    names = draw(st.lists(st.sampled_from(CHECKS), unique=True, max_size=len(CHECKS)))
    checks = [draw(_checks(name)) for name in names]
    return a_scan(
        *checks,
        waived=tuple(draw(st.lists(st.sampled_from(CHECKS), unique=True))),
        target_label=draw(st.none() | texts),
        labels=tuple(draw(st.lists(texts, max_size=3))),
        n_texts=draw(st.integers(0, 10**6)),
        digest=draw(texts),
        fingerprint=draw(st.sampled_from([None, FINGERPRINT])),
        seconds=draw(numbers),
        provenance=draw(st.dictionaries(texts, texts | st.dictionaries(texts, texts, max_size=2), max_size=2)),
    )
