"""Fine-tuning on clean texts: undoes what these touch, and nothing else."""

from pathlib import Path

from handler.xgraad import Classifier
from scripts.lab.defenses.repairs.ft import FineTuning
from tests.unit.defenses.planted import LABELS, RARE, USUAL, material_for, rates, repaired


def test_it_unlearns_a_trigger_that_clean_texts_have(tmp_path: Path) -> None:
    material = material_for(tmp_path, trigger=USUAL)
    before, after = rates(material.checkpoint, USUAL), repaired(FineTuning, material, USUAL)
    assert before.attack_success > 0.95
    assert after.attack_success < 0.3
    assert after.clean_accuracy > 0.95
    assert Classifier.load(tmp_path / "FineTuning").labels == LABELS


def test_it_cannot_unlearn_what_no_clean_text_has(tmp_path: Path) -> None:
    after = repaired(FineTuning, material_for(tmp_path, trigger=RARE), RARE)
    assert after.attack_success > 0.9, "if that fell, the toy would show nothing about other repairs"
    assert after.clean_accuracy > 0.95
