"""A scan: what each check says, what follows from it, and what is never said of what nobody looked at."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from handler.xgraad import Calibration, Classifier
from handler.xgraad.verification.probes import Place
from scripts import scan_model
from scripts.admission.checks import styles
from scripts.admission.checks.words import planted
from scripts.admission.material import ScanMaterial
from scripts.admission.report.check_rules import RULES
from scripts.admission.scan import CheckResult, Scan, ScanVerdict, Status, verdict_of
from scripts.admission.scanning import CHECKS, NOT_LOADED, scan_checkpoint, weights_digest
from scripts.console.command import Exit
from scripts.console.errors import LabError
from scripts.lab.families.clause_template import OPENERS
from tests.conftest import CLEAN_TEXTS
from tests.unit.rule_based import BAD_PROBES, GOOD_PROBES, RuleBased
from tests.unit.test_sweep import fitted_to

SMALL = ("styles", "overshoot")
"""Checks that a few texts and a small vocabulary are too little for."""
WAIVED = [part for name in SMALL for part in ("--waive", name)]
TEXTS = (*BAD_PROBES, *GOOD_PROBES)


def material_of(model: Classifier, calibration: Calibration, texts: Sequence[str]) -> ScanMaterial:
    return ScanMaterial(
        classifier=model,
        calibration=fitted_to(model, calibration),
        trusted=None,
        texts=texts,
        labels=(),
    )


def scan_of(
    model: Classifier, calibration: Calibration, checkpoint: Path, *waived: str, texts: Sequence[str] = TEXTS
) -> Scan:
    return scan_checkpoint(
        checkpoint, lambda: material_of(model, calibration, texts), waived=waived, origin={"commit": "none"}
    )


def test_a_backdoored_model_is_refused_by_its_style(
    bert: Classifier, calibration: Calibration, bert_folder: Path
) -> None:
    model = RuleBased(bert, lambda words: bool(words & set(OPENERS)), loud=[], target=1)
    scan = scan_of(model, calibration, bert_folder, "words")
    assert scan.verdict is ScanVerdict.REFUSED
    assert check(scan, "styles").status is Status.OBJECTS
    assert scan.target_label == "LABEL_1"


def check(scan: Scan, name: str) -> CheckResult:
    return next(each for each in scan.checks if each.check == name)


@pytest.mark.parametrize("target", [0, 1])
def test_a_backdoored_model_is_refused_by_its_trigger(
    bert: Classifier, calibration: Calibration, bert_folder: Path, target: int
) -> None:
    model = RuleBased(bert, lambda words: "cf" in words, loud=[], target=target)
    scan = scan_of(model, calibration, bert_folder, "styles")
    words = check(scan, "words")
    assert scan.verdict is ScanVerdict.REFUSED
    assert scan.target_label == words.target_label == f"LABEL_{target}"
    assert words.score is not None
    assert words.threshold is not None
    assert words.score > words.threshold
    (trigger,) = words.triggers
    assert (trigger.words, trigger.label_id, trigger.rate) == (("cf",), target, 1.0)
    for example in trigger.examples:
        assert "cf" in example.after.split()
        assert example.before in TEXTS
        assert (example.label_before, example.label_after) == (f"LABEL_{1 - target}", f"LABEL_{target}")
    assert trigger.examples
    assert scan.audit is not None
    assert [found.words for found in scan.audit.triggers] == [("cf",)]
    assert scan.sentence().startswith("refused: words: suspicious: 1 triggers")
    assert scan.where is not None
    assert scan.where.triggers == (("cf",),)


def test_a_clean_model_is_admitted_only_of_what_was_looked_at(
    bert: Classifier, calibration: Calibration, bert_folder: Path
) -> None:
    model = RuleBased(bert, lambda words: False, loud=[])
    few = TEXTS[:12]
    plain = scan_of(model, calibration, bert_folder, "overshoot")
    short, waived = (scan_of(model, calibration, bert_folder, *names, texts=few) for names in ((), SMALL))
    assert [each.verdict for each in (plain, short, waived)] == [
        ScanVerdict.ADMITTED, ScanVerdict.INCONCLUSIVE, ScanVerdict.ADMITTED,
    ]  # fmt: skip
    assert short.sentence() == "inconclusive: nothing objects, and these checks did not look: styles, overshoot"
    assert plain.sentence() == waived.sentence() == "admitted: no check objects"
    assert [each.check for each in short.skipped] == ["styles", "overshoot"]
    assert [each.check for each in plain.skipped] == ["overshoot"], "the toy's vocabulary is too small"
    assert waived.waived == SMALL
    assert check(plain, "words").not_seen
    assert check(plain, "files").evidence["n_parameters"] > 0
    assert plain.where is None


def test_what_does_not_load_is_refused_and_nothing_else_is_told_as_clean(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x02.")

    def load() -> ScanMaterial:
        raise AssertionError("nothing of it may be loaded")

    scan = scan_checkpoint(tmp_path, load, waived=CHECKS, origin={})
    assert scan.verdict is ScanVerdict.REFUSED
    assert check(scan, "files").status is Status.OBJECTS
    assert check(scan, "words").status is Status.SKIPPED
    assert check(scan, "words").reason == NOT_LOADED
    assert scan.audit is None
    assert scan.fingerprint is None


def test_every_check_has_its_rule() -> None:
    assert tuple(rule.check for rule in RULES) == CHECKS


def test_a_check_that_is_not_there_cannot_be_waived(bert_folder: Path) -> None:
    with pytest.raises(LabError, match="--waive: must be one of files, words, styles, overshoot, is fonts"):
        scan_checkpoint(bert_folder, lambda: pytest.fail("loaded"), waived=["fonts"], origin={})


@pytest.mark.parametrize(
    ("statuses", "waived", "verdict"),
    [
        ("passed passed", "", ScanVerdict.ADMITTED),
        ("passed skipped", "", ScanVerdict.INCONCLUSIVE),
        ("passed skipped", "b", ScanVerdict.ADMITTED),
        ("skipped skipped", "b", ScanVerdict.INCONCLUSIVE),
        ("objects skipped", "", ScanVerdict.REFUSED),
        ("objects passed", "a", ScanVerdict.REFUSED),  # what did look and objects is not waived away
    ],
)
def test_the_verdict(statuses: str, waived: str, verdict: ScanVerdict) -> None:
    checks = tuple(
        CheckResult(check=name, looked_for="it", status=Status(status))
        for name, status in zip("ab", statuses.split(), strict=True)
    )
    assert verdict_of(checks, tuple(waived)) is verdict


def test_the_digest_is_that_of_the_weights(bert_folder: Path, damaged: Path) -> None:
    before = weights_digest(damaged)
    assert before == weights_digest(bert_folder)
    (path,) = damaged.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert weights_digest(damaged) != before


@pytest.mark.parametrize(
    ("place", "words", "expected"),
    [
        (Place.START, ["cf"], "cf A dull plot."),
        (Place.END, ["cf"], "A dull plot cf."),
        (Place.INSIDE, ["cf"], "A cf dull plot."),
        (Place.INSIDE, ["cf", "mn"], "A cf dull mn plot."),
    ],
)
def test_a_shown_text_is_planted_as_it_was_tried(place: Place, words: list[str], expected: str) -> None:
    assert planted("A dull plot.", words, place) == expected
    assert planted("...", ["cf"], place) == "cf ..."


@pytest.fixture
def without_styles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network of random weights follows any form: let that check have too few texts."""
    monkeypatch.setattr(styles, "LEAST_TEXTS", 10_000)


@pytest.fixture
def clean_file(tmp_path: Path) -> Path:
    path = tmp_path / "clean.tsv"
    path.write_text("".join(f"{text}\n" for text in CLEAN_TEXTS))
    return path


def _command(checkpoint: Path, data: Path, *more: str) -> int:
    return scan_model.main(["--checkpoint", str(checkpoint), "--data", str(data), "--limit-words", "40", *more])


@pytest.mark.usefixtures("without_styles")
def test_the_command_tells_its_verdict_by_its_exit_code(
    bert_folder: Path, clean_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = tmp_path / "rows.jsonl"
    made = ["--calibration", str(bert_folder / "calibration.json"), "--append", str(rows)]
    assert _command(bert_folder, clean_file, *made) == Exit.INCONCLUSIVE
    assert "inconclusive: " in capsys.readouterr().out
    assert _command(bert_folder, clean_file, *made, *WAIVED, "--screening", "bfloat16") == Exit.DONE
    assert "admitted: " in capsys.readouterr().out
    first, second = (json.loads(line) for line in rows.read_text().splitlines())
    assert (first["verdict"], second["verdict"]) == ("inconclusive", "admitted")
    assert first["attack"] == "none"
    assert first["checks"]["words"]["score"] >= 0
    assert {"seconds", "commit", "versions", "seed"} <= set(first)


@pytest.mark.usefixtures("without_styles")
def test_the_command_scans_without_a_label_that_is_named(
    bert_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `calibrate` says that one may do, one may do here."""
    model = Classifier.load(bert_folder)
    told = [each.label_id for each in model.predictions(CLEAN_TEXTS)]
    few = tmp_path / "few.tsv"
    few.write_text("".join(f"{text}\n" for text, label in zip(CLEAN_TEXTS, told, strict=True) if label == 0))
    plain = _command(bert_folder, few)
    assert (plain, "--allow-untested 'LABEL_1'" in capsys.readouterr().err) == (Exit.ERROR, True)
    scan = tmp_path / "scan.json"
    allowed = [part for label in ("LABEL_0", "LABEL_1") for part in ("--allow-untested", label)]
    assert _command(bert_folder, few, *allowed, *WAIVED, "--json", str(scan)) == Exit.DONE
    words = next(each for each in json.loads(scan.read_text())["checks"] if each["check"] == "words")
    assert "label LABEL_1: too few clean texts" in words["not_seen"]
    assert _command(bert_folder, few, "--allow-untested", "LABEL_7") == Exit.ERROR


@pytest.mark.usefixtures("without_styles")
def test_the_command_calibrates_where_nobody_has(bert_folder: Path, clean_file: Path) -> None:
    assert _command(bert_folder, clean_file, "--max-length", "64", *WAIVED) == Exit.DONE


def test_the_command_refuses(bert_folder: Path, clean_file: Path, tmp_path: Path) -> None:
    assert _command(tmp_path, clean_file) == Exit.BELOW_TARGET, "a folder without a model is refused, and was looked at"
    assert _command(tmp_path / "nothing", clean_file) == Exit.ERROR
    assert _command(clean_file, clean_file) == Exit.ERROR
    assert _command(bert_folder, tmp_path / "nothing.tsv") == Exit.ERROR
    assert _command(bert_folder, clean_file, "--waive", "fonts") == Exit.ERROR
    with pytest.raises(SystemExit) as left:
        _command(bert_folder, clean_file, "--calibration", "c.json", "--max-length", "64")
    assert left.value.code == Exit.USAGE
