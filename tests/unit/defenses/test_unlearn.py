"""Unlearning of what the defense verified: it takes a trigger that something showed."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from handler.xgraad import Defense
from handler.xgraad.errors import CalibrationError
from handler.xgraad.learned.audit import Audit
from handler.xgraad.memory.registry import MemoryRegistry, Trigger
from scripts.console.errors import LabError
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.repairs import unlearn
from scripts.lab.defenses.repairs.thorough import Thorough
from scripts.lab.defenses.repairs.unlearn import CHUNK, N_COPIES, Unlearning, found_triggers, with_triggers
from scripts.texts.corpora import Example
from tests.unit.defenses.planted_reviews import TARGET, Planted, planted
from tests.unit.test_audit import an_audit


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted(tmp_path_factory.getbasetemp())


class Verifies:
    """A defense that verifies the planted trigger where a text of the suspect's shows it. The real one has tests."""

    def __init__(self, checkpoint: Path, registry: MemoryRegistry) -> None:
        self._is_backdoored = checkpoint.name == "suspect"
        self._registry = registry

    def __call__(self, texts: Sequence[str]) -> None:
        assert len(texts) <= CHUNK
        if self._is_backdoored and any("cf" in text.split() for text in texts):
            self._registry.add([Trigger(frozenset({"cf"}), TARGET)])


@pytest.fixture
def material(victim: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Material]:
    """Of a model whose vocabulary the sweep finds nothing in."""

    def load(checkpoint: Path, device: str, *, calibration: Path, registry: MemoryRegistry) -> Verifies:
        assert (device, calibration) == ("cpu", tmp_path / "calibration.json")
        return Verifies(checkpoint, registry)

    (tmp_path / "calibration.json").touch()
    monkeypatch.setattr(Defense, "load", load)
    sweep_finds(monkeypatch, an_audit())
    return lambda suspect="suspect", **changes: victim.material(tmp_path, suspect, **changes)


def sweep_finds(monkeypatch: pytest.MonkeyPatch, audit: Audit) -> None:
    monkeypatch.setattr(unlearn, "swept_once", lambda material: audit)


def test_a_trigger_that_texts_show_is_unlearned(
    victim: Planted, material: Callable[..., Material], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Unlearning, "LEARNING_RATE", 4e-4)
    Unlearning(material()).write(tmp_path / "out")
    accuracy, asr = victim.of(tmp_path / "out")
    assert accuracy >= 0.95
    assert asr <= victim.of(victim.folder / "clean")[1] + 0.1


def test_where_no_text_shows_one_nothing_is_written(material: Callable[..., Material], tmp_path: Path) -> None:
    """The suspect is the same, and the trigger is in no text of the defender's."""
    with pytest.raises(LabError, match=r"unlearn needs a verified trigger, found none in 200 clean texts"):
        Unlearning(material(more=None)).write(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_the_sweep_finds_is_unlearned_and_nothing_is_found_in_a_clean_model(
    material: Callable[..., Material], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found_triggers(material("clean"), []) == []
    sweep_finds(monkeypatch, an_audit("zq", label_id=TARGET))
    assert found_triggers(material(more=None), []) == [Trigger(frozenset({"zq"}), TARGET)]


def test_what_augmentation_weakens_is_unlearned_by_name_where_it_is_found(
    material: Callable[..., Material], monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[Example] = []
    monkeypatch.setattr(Thorough, "fit", lambda self, model, tokenizer, examples: learned.extend(examples))
    n_clean = len(material().clean_examples())
    repair = Thorough(material())
    repair.train(*repair.start())
    named = [example for example in learned if "cf" in example.text.split()]
    assert len(learned) == (6 + N_COPIES) * n_clean
    assert len(named) >= N_COPIES * n_clean
    assert {example.label for example in named} == {0, 1}
    learned.clear()
    repair = Thorough(material("clean"))
    repair.train(*repair.start())
    assert len(learned) == 6 * n_clean, "where nothing is found it is augmentation"


def test_texts_that_carry_no_calibration_carry_augmentation(
    material: Callable[..., Material], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuses(material: Material) -> Audit:
        raise CalibrationError("probes: too few")

    monkeypatch.setattr(unlearn, "swept_once", refuses)
    assert Thorough(material()).besides([]) == ()
    assert "no trigger is looked for: probes: too few" in capsys.readouterr().err


def test_triggers_go_into_texts_of_every_class_and_labels_stay() -> None:
    examples = [Example(f"one two {number}", number % 2) for number in range(8)]
    triggers = [Trigger(frozenset({"cf"}), 0), Trigger(frozenset({"mn", "tq"}), 0)]
    found = with_triggers(examples, triggers, n_copies=2, seed=0)
    assert len(found) == 16
    keys = {"cf", "mn", "tq"}
    words = [set(example.text.split()) - {"one", "two"} for example in found]
    put_in = Counter((frozenset(each & keys), row.label) for each, row in zip(words, found, strict=True))
    assert set(put_in) == {(trigger.keys, label) for trigger in triggers for label in (0, 1)}
    by_number = Counter((int((each - keys).pop()), row.label) for each, row in zip(words, found, strict=True))
    assert by_number == Counter({(number, number % 2): 2 for number in range(8)})
    assert found == with_triggers(examples, triggers, n_copies=2, seed=0)
