"""What was remembered and has another reason is forgotten; what an operator said stays."""

import logging
from pathlib import Path

import pytest

from handler.xgraad import Calibration, Calibrator, Classifier, Defense
from handler.xgraad.files.fingerprint import CALIBRATION_FILE
from handler.xgraad.learned.audit import AUDIT_FILE
from handler.xgraad.memory.forgetting import forget_explained
from handler.xgraad.memory.registry import MemoryRegistry, NoRegistry, Origin, Trigger
from handler.xgraad.verification.reference import NoReference
from handler.xgraad.words.text import split_words
from tests.conftest import CLEAN_TEXTS
from tests.unit.rule_based import RuleBased, tying
from tests.unit.test_audit import an_audit
from tests.unit.test_registry import texts, trigger


@pytest.fixture
def model(bert: Classifier) -> Classifier:
    return RuleBased(bert, lambda words: "cf" in words, loud=[])


@pytest.fixture
def registry() -> MemoryRegistry:
    registry = MemoryRegistry()
    registry.add([trigger("dull"), trigger("cf"), trigger("dull", "ugly"), trigger("dull", target=1)])
    registry.add([trigger("ugly")], Origin.AUDIT)
    registry.add([trigger("noisy")], Origin.OPERATOR)
    return registry


def test_explained_ones_go_and_the_others_stay(model: Classifier, registry: MemoryRegistry) -> None:
    gone = forget_explained(registry, tying(model, "dull", "ugly", "noisy"), n_labels=2)
    assert set(gone) == {trigger("dull"), trigger("dull", "ugly"), trigger("ugly")}
    assert set(registry.found()) == {trigger("cf"), trigger("dull", target=1)}
    assert texts(registry.find(split_words("dull ugly cf noisy"), 0)) == ["cf", "noisy"]


def test_without_a_reason_nothing_is_forgotten(
    model: Classifier, registry: MemoryRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert forget_explained(registry, NoReference(), n_labels=2) == []
        assert forget_explained(NoRegistry(), tying(model, "dull"), n_labels=2) == []
    assert len(registry) == 6
    assert not caplog.records


def test_the_log_counts_and_holds_no_word(
    model: Classifier, registry: MemoryRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        forget_explained(registry, tying(model, "dull", "ugly"), n_labels=2)
    (record,) = caplog.records
    line = record.getMessage()
    assert "triggers_forgotten" in line
    assert '"n_triggers": 3' in line
    assert not [word for word in ("dull", "ugly", "cf", "noisy") if word in line]


def test_what_is_of_no_label_of_the_model_is_left_alone(model: Classifier) -> None:
    registry = MemoryRegistry()
    registry.add([Trigger(frozenset(["dull"]), 7)])
    assert forget_explained(registry, tying(model, "dull", label=7), n_labels=2) == []
    assert len(registry) == 1


def test_a_defense_forgets_when_it_is_loaded(damaged: Path, bert: Classifier) -> None:
    """What labels tie to the class, whoever found it; a word that they do not, or of another class, stays."""
    fingerprint = Calibration.read(damaged / CALIBRATION_FILE).fingerprint
    labels = [int("plot" in text) for text in CLEAN_TEXTS]
    fitted = Calibrator(bert, fingerprint).update(CLEAN_TEXTS, labels).calibrate(max_fpr=0.1)
    (damaged / CALIBRATION_FILE).write_text(fitted.to_json())
    (damaged / AUDIT_FILE).write_text(an_audit("plot", "tq", label_id=1, fingerprint=fingerprint).to_json())
    registry = MemoryRegistry()
    registry.add([trigger("plot", target=1), trigger("plot", target=0), trigger("cf", target=1)])
    registry.add([trigger("thin", target=1)], Origin.OPERATOR)
    Defense.load(damaged, registry=registry)
    assert set(registry.found()) == {trigger("plot", target=0), trigger("cf", target=1), trigger("tq", target=1)}
    assert texts(registry.find(split_words("plot thin"), 1)) == ["thin"]
    unasked = MemoryRegistry()
    unasked.add([trigger("plot", target=1)])
    Defense.load(damaged, rule="paper", registry=unasked)
    assert trigger("plot", target=1) in unasked.found()
