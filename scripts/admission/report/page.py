"""One self-contained page about a scan: styles inside, no script, nothing fetched, every text of others escaped.

It quotes clean texts of the operator, before and after a trigger was put in. Hidden characters are shown by name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from handler.page.hidden import text_runs
from scripts.admission.report.check_rules import rule_of
from scripts.admission.report.put_in import beginning, stretches
from scripts.admission.report.scale import scale_of
from scripts.admission.scan import Scan, ScanVerdict, Status
from scripts.console.documents import document_template
from scripts.console.terminal import printable

LISTED = 20
"""Triggers of one check, and examples of one trigger, that are shown."""
NAMED = 3
"""Triggers beside the verdict."""
SHOWN_CHARS = 6_000
"""Of an example."""

HEADLINES = {ScanVerdict.ADMITTED: "Admitted", ScanVerdict.REFUSED: "Refused", ScanVerdict.INCONCLUSIVE: "Inconclusive"}
STATUSES = {Status.PASSED: "passed", Status.OBJECTS: "objects", Status.SKIPPED: "did not look"}

_TERMS = {"dirty": "uncommitted changes"}


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A picture and a table about what was found, such as where in the model it sits."""

    title: str
    caption: str
    """What one sees, in words: the picture is hidden from those who listen."""
    picture: Markup
    """An SVG element without ids; whoever draws it has escaped its texts."""
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    """The first entry of each is its heading."""


def scan_page(scan: Scan, *, model: str, exhibit: Exhibit | None = None) -> str:
    """The page.

    Args:
        scan: what is told.
        model: what to call the checkpoint, such as the name of its folder.
        exhibit: stands after the checks.

    Raises:
        LookupError: a check has no rule.
    """
    return _TEMPLATE.render(
        scan=scan,
        model=model,
        exhibit=exhibit,
        missing=[check for check in scan.skipped if check.check not in scan.waived],
        proven=[trigger for check in scan.objecting for trigger in check.proven],
        origin=_origin(scan.provenance),
    )


def write_page(path: Path, scan: Scan, *, model: str, exhibit: Exhibit | None = None) -> None:
    """Write the page, and the folder that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(scan_page(scan, model=model, exhibit=exhibit), encoding="utf-8")


def _origin(provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values, in words."""
    return [(_TERMS.get(name, name), _in_words(value)) for name, value in provenance.items()]


def _in_words(value: Any) -> str:
    """What is inside of a value stands on one line with it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    if value is None or isinstance(value, bool):
        return {True: "yes", False: "no", None: "unknown"}[value]
    return str(value)


def _number(value: float) -> str:
    return f"{value:.4g}"


_TEMPLATE = document_template(
    __package__,
    "scan.html",
    filters={
        "text_runs": text_runs,
        "printable": printable,
        "number": _number,
        "rule": rule_of,
        "scale": scale_of,
        "beginning": beginning,
    },
    given={
        "stretches": stretches,
        "headlines": HEADLINES,
        "statuses": STATUSES,
        "listed": LISTED,
        "named": NAMED,
        "shown_chars": SHOWN_CHARS,
    },
)
