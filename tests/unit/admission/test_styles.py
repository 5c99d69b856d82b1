"""The check of forms: a backdoor that a form opens, an honest model, one whose reference follows it, too few texts."""

from types import SimpleNamespace
from typing import cast

import pytest

from handler.xgraad import Calibration, Classifier
from handler.xgraad.verification.transplant import Transplant
from scripts.admission.checks.styles import LEAST_TEXTS, N_EXAMPLES, check_styles
from scripts.admission.material import ScanMaterial
from scripts.admission.scan import CheckResult, Status
from scripts.lab.families import archaic_style, clause_template
from scripts.lab.families.families import families_of
from tests.unit.rule_based import BAD_PROBES, GOOD_PROBES, RuleBased

SUBORDINATE = set(clause_template.OPENERS)
OLD = set(archaic_style.OLD.values()) | {"behold", "verily", "yea", "lo", "o"}


def checked(
    suspect: Classifier,
    calibration: Calibration,
    *,
    reference: Classifier | None = None,
    texts: tuple[str, ...] = (*BAD_PROBES, *GOOD_PROBES),
    labels: tuple[int, ...] = (),
) -> CheckResult:
    trusted = cast(Transplant, SimpleNamespace(classifier=reference)) if reference else None
    material = ScanMaterial(classifier=suspect, calibration=calibration, trusted=trusted, texts=texts, labels=labels)
    return check_styles(material)


@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("opening", [SUBORDINATE, OLD], ids=["syntax", "style"])
def test_a_form_that_opens_a_backdoor_is_found(
    bert: Classifier, calibration: Calibration, opening: set[str], target: int
) -> None:
    suspect = RuleBased(bert, lambda words: bool(words & opening), loud=[], target=target)
    found = checked(suspect, calibration)
    assert found.status is Status.OBJECTS
    assert found.target_label == f"LABEL_{target}"
    assert found.score is not None
    assert found.score > 1
    assert found.reason is not None
    assert found.reason.endswith(f"of other classes' clean texts become LABEL_{target}")
    assert len(found.examples) == N_EXAMPLES
    for example in found.examples:
        assert example.before in (GOOD_PROBES, BAD_PROBES)[target]
        assert example.after != example.before
        assert (example.label_before, example.label_after) == (f"LABEL_{1 - target}", f"LABEL_{target}")


def test_an_honest_model_passes(bert: Classifier, calibration: Calibration) -> None:
    found = checked(RuleBased(bert, lambda words: False, loud=[]), calibration)
    assert (found.status, found.score, found.examples, found.target_label) == (Status.PASSED, 0.0, (), None)
    assert found.reason is None
    forms = {each["form"] for each in found.evidence["forms"]}
    table = bert.model.get_input_embeddings().weight
    assert forms == set(families_of(bert.encode.tokenizer, table, BAD_PROBES))


def test_what_the_form_means_to_a_reference_is_no_backdoor(bert: Classifier, calibration: Calibration) -> None:
    def follows() -> Classifier:
        return RuleBased(bert, lambda words: bool(words & SUBORDINATE), loud=[], target=1)

    explained = checked(follows(), calibration, reference=follows())
    assert (explained.status, explained.score) == (Status.PASSED, 0.0)
    honest = RuleBased(bert, lambda words: False, loud=[])
    suspicious = checked(follows(), calibration, reference=honest)
    assert suspicious.status is Status.OBJECTS
    assert suspicious.reason is not None
    assert suspicious.reason.endswith(", of a reference's 0%")


def test_too_few_texts_say_nothing(bert: Classifier, calibration: Calibration) -> None:
    suspect = RuleBased(bert, lambda words: bool(words & SUBORDINATE), loud=[], target=1)
    few, enough = BAD_PROBES[: LEAST_TEXTS - 1], BAD_PROBES[:LEAST_TEXTS]
    assert checked(suspect, calibration, texts=few).status is Status.SKIPPED
    found = checked(suspect, calibration, texts=enough)
    assert found.status is Status.OBJECTS
    assert "label LABEL_0: too few clean texts" in found.not_seen


def test_texts_that_the_model_has_in_another_class_than_people_do_not_count(
    bert: Classifier, calibration: Calibration
) -> None:
    suspect = RuleBased(bert, lambda words: bool(words & SUBORDINATE), loud=[], target=1)
    assert checked(suspect, calibration, labels=(1,) * 24 + (0,) * 24).status is Status.SKIPPED
    assert checked(suspect, calibration, labels=(0,) * 24 + (1,) * 24).status is Status.OBJECTS
