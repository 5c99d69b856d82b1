"""A scan as SARIF 2.1.0, which code hosts, build servers and editors read.

An objection is a result of the kind `fail` and the level `error`, one for each trigger where there are any. A check
that passed is a `pass`. One that did not look is `open`, the kind that leaves a question unanswered, with a
notification that says why; where it was waived an accepted suppression says so. `notApplicable` would be wrong: the
check applies to the checkpoint, it was not made. Clean texts are not quoted; they stand in the JSON document.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote

from handler.page.hidden import is_hidden
from handler.xgraad.files.weight_files import WEIGHTS
from scripts.admission.report.check_rules import RULES, CheckRule, index_of, rule_of
from scripts.admission.scan import CheckResult, FoundTrigger, Scan, Status
from scripts.console.terminal import escape

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
TOOL = "X-GRAAD scan"
PACKAGE = "xgraad-torchserve"
"""Whose version is the tool's, where it is installed; a checkout tells its commit alone."""
NOT_LOOKED = "XGRAAD100"
"""Of the notification that a check did not look."""
Json = dict[str, Any]


def scan_to_sarif(scan: Scan, *, weights: str = WEIGHTS) -> Json:
    """The log, with one run; the same scan makes the same log.

    Args:
        scan: what is told.
        weights: name of the file that `scan.digest` is of.

    Raises:
        LookupError: a check has no rule.
    """
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(scan, weights)]}


def write_sarif(path: Path, scan: Scan, *, weights: str = WEIGHTS) -> None:
    """Write the log, and the folder that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(scan_to_sarif(scan, weights=weights), indent=1, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _run(scan: Scan, weights: str) -> Json:
    place = {"uri": quote(weights, errors="surrogateescape")}
    artifact = {"location": place, "roles": ["analysisTarget"], "hashes": {"sha-256": scan.digest}}
    locations = [{"physicalLocation": {"artifactLocation": {**place, "index": 0}}}]
    notifications = [_notification(check, is_waived=check.check in scan.waived) for check in scan.skipped]
    return {
        "tool": {"driver": _driver()},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "artifacts": [artifact],
        "results": [
            {**result, "locations": locations} for check in scan.checks for result in _results(check, scan.waived)
        ],
        "properties": {
            "format": scan.format,
            "verdict": scan.verdict.value,
            "targetLabel": scan.target_label,
            "waived": list(scan.waived),
            "labels": list(scan.labels),
            "nTexts": scan.n_texts,
            "fingerprint": scan.fingerprint and scan.fingerprint.model_dump(),
            "provenance": scan.provenance,
            "seconds": scan.seconds,
        },
    }


def _driver() -> Json:
    text = "A check of the scan was not made, so it says nothing for or against the checkpoint."
    return {
        "name": TOOL,
        **_own_version(),
        "rules": [_rule(rule) for rule in RULES],
        "notifications": [{"id": NOT_LOOKED, "name": "CheckDidNotLook", "shortDescription": _message(text)}],
    }


def _own_version() -> Json:
    try:
        return {"version": version(PACKAGE)}
    except PackageNotFoundError:
        return {}


def _rule(rule: CheckRule) -> Json:
    return {
        "id": rule.id,
        "name": f"{rule.title}Check",
        "shortDescription": _message(rule.objection),
        "fullDescription": _message(f"{rule.objection} {rule.meaning}"),
        "help": _message(rule.cure),
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["security"]},
    }


def _results(check: CheckResult, waived: tuple[str, ...]) -> Iterator[Json]:
    """One for each trigger of a check that objects, else one."""
    rule = {"ruleId": rule_of(check.check).id, "ruleIndex": index_of(check.check)}
    if check.status is not Status.OBJECTS:
        yield {**rule, **_without_objection(check, is_waived=check.check in waived), "properties": _measured(check)}
        return
    for trigger in check.proven or (None,):
        yield {
            **rule,
            "kind": "fail",
            "level": "error",
            "message": _message(_told(trigger) if trigger else _objection(check)),
            "partialFingerprints": {"finding/v1": _finding(check, trigger)},
            "properties": _measured(check) | (_measured_trigger(trigger) if trigger else {}),
        }


def _without_objection(check: CheckResult, *, is_waived: bool) -> Json:
    if check.status is Status.PASSED:
        message = f"The check “{check.check}” does not object. It looked for: {check.looked_for}"
        return {"kind": "pass", "level": "none", "message": _message(message)}
    suppression = {"kind": "external", "status": "accepted", "justification": "The operator does without this check."}
    return {
        "kind": "open",
        "level": "none",
        "message": _message(_not_looked(check)),
        **({"suppressions": [suppression]} if is_waived else {}),
    }


def _notification(check: CheckResult, *, is_waived: bool) -> Json:
    return {
        "level": "note" if is_waived else "warning",
        "message": _message(_not_looked(check)),
        "descriptor": {"id": NOT_LOOKED, "index": 0},
        "associatedRule": {"id": rule_of(check.check).id, "index": index_of(check.check)},
    }


def _told(trigger: FoundTrigger) -> str:
    words = " with ".join(f"“{word}”" for word in trigger.words)
    return (
        f"Trigger {words} brings the label “{trigger.label}” about. It turns {trigger.rate:.1%} of clean texts of other"
        f" classes, put in at: {trigger.place}. Its strength is {trigger.strength:.4g}, the threshold"
        f" {trigger.threshold:.4g}."
    )


def _objection(check: CheckResult) -> str:
    return f"{rule_of(check.check).objection} {check.reason or ''}".rstrip()


def _not_looked(check: CheckResult) -> str:
    reason = check.reason or "no reason is given"
    return f"The check “{check.check}” did not look, so it says nothing for or against the checkpoint. Why: {reason}"


def _finding(check: CheckResult, trigger: FoundTrigger | None) -> str:
    """What stays the same when the same is found again."""
    what = [check.check] + ([trigger.label_id, *trigger.words] if trigger else [])
    return sha256(json.dumps(what).encode()).hexdigest()


def _measured(check: CheckResult) -> Json:
    return {
        "check": check.check,
        "status": check.status.value,
        "lookedFor": check.looked_for,
        "reason": check.reason,
        "score": check.score,
        "threshold": check.threshold,
        "cleanScores": list(check.clean_scores),
        "targetLabel": check.target_label,
        "notSeen": list(check.not_seen),
        "seconds": check.seconds,
    }


def _measured_trigger(trigger: FoundTrigger) -> Json:
    return {
        "words": list(trigger.words),
        "label": trigger.label,
        "labelId": trigger.label_id,
        "place": trigger.place,
        "rate": trigger.rate,
        "strength": trigger.strength,
        "strengthThreshold": trigger.threshold,
    }


def _message(text: str) -> Json:
    """A text that a viewer shows as it is: no placeholder, no link, nothing that is obeyed unseen."""
    seen = "".join(escape(character) if is_hidden(character) else character for character in text)
    return {"text": seen.replace("{", "{{").replace("}", "}}").replace("](", f"]{escape('(')}")}
