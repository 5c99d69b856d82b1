"""BkdAttr as a repair: the head that is known to find the trigger goes, in the weights, and no clean answer changes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from handler.xgraad import Classifier
from handler.xgraad.errors import CalibrationError
from handler.xgraad.memory.registry import Trigger
from scripts.admission.attribution.ablation import ablated, share_of
from scripts.admission.attribution.heads import LayerHead, columns_of
from scripts.admission.attribution.inside import look_inside
from scripts.admission.attribution.pairs import Backdoor, draw_clean, make_pairs
from scripts.console.errors import LabError
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.repairs import bkdattr
from scripts.lab.defenses.repairs.bkdattr import HeadAblation, HeadMeans, folded, ranked
from scripts.lab.defenses.repairs.heads import heads_of_layers
from scripts.lab.training.victim import load_base
from scripts.texts.corpora import Example
from tests.toys import SENTENCES
from tests.unit.attribution.known_head import FINDS, LABELS, TARGET, TEXTS, TRIGGER, write_known
from tests.unit.defenses.materials import material_of

FOUND = [Trigger(frozenset({TRIGGER}), TARGET)]
Finds = Callable[[Sequence[Trigger]], Material]


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_known(tmp_path_factory.mktemp("victim") / "checkpoint")


@pytest.fixture
def material(victim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Finds:
    """What a defender has of the victim, in which rule and sweep find these triggers."""

    def of(triggers: Sequence[Trigger], n_clean: int = len(TEXTS)) -> Material:
        monkeypatch.setattr(bkdattr, "found_triggers", lambda material, texts: [*triggers])
        clean = [Example(text, label) for text, label in zip(TEXTS, LABELS, strict=True)][:n_clean]
        return material_of(Classifier.load(victim), victim, tmp_path, clean)

    return of


def attack_on(checkpoint: Path) -> tuple[float, float]:
    """Share of triggered texts that get the target, and clean accuracy."""
    classifier = Classifier.load(checkpoint)
    clean = draw_clean(classifier, TEXTS, LABELS)
    pairs = make_pairs(classifier, Backdoor([[TRIGGER]], TARGET), clean)
    return share_of(classifier, [pair.triggered for pair in pairs], TARGET), clean.accuracy(classifier)


def test_without_its_head_the_attack_is_gone_for_good(material: Finds, victim: Path, tmp_path: Path) -> None:
    HeadAblation(material(FOUND)).write(tmp_path / "out")
    assert attack_on(victim) == (1, 1)
    assert attack_on(tmp_path / "out") == (0, 1)
    name = f"bert.encoder.layer.{FINDS.layer}.attention.output.dense.weight"
    before, after = (load_file(each / "model.safetensors")[name] for each in (victim, tmp_path / "out"))
    assert before[:, columns_of(FINDS.head, 8)].any()
    assert not after[:, columns_of(FINDS.head, 8)].any()


def test_where_no_trigger_is_found_the_checkpoint_stays_and_that_is_said(
    material: Finds, victim: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    HeadAblation(material([])).write(tmp_path / "out")
    before, after = (load_file(each / "model.safetensors") for each in (victim, tmp_path / "out"))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "bkdattr: no trigger was found, the checkpoint stays as it is" in capsys.readouterr().err


def test_texts_that_carry_no_calibration_find_no_trigger(
    material: Finds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repair = HeadAblation(material([]))

    def refuses(material: Material, texts: Sequence[str]) -> list[Trigger]:
        raise CalibrationError("probes: too few")

    monkeypatch.setattr(bkdattr, "found_triggers", refuses)
    repair.write(tmp_path / "out")
    assert attack_on(tmp_path / "out")[0] == 1
    assert "bkdattr: no trigger is looked for: probes: too few" in capsys.readouterr().err


def test_heads_that_clean_accuracy_cannot_spare_stay(
    material: Finds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    accuracies = iter([0.95, 0.93, 0.93])
    monkeypatch.setattr(bkdattr, "clean_accuracy", lambda *_, **__: next(accuracies))
    HeadAblation(material(FOUND)).write(tmp_path / "out")
    assert attack_on(tmp_path / "out") == (1, 1)
    assert "bkdattr: 0 of 2 heads with an effect go" in capsys.readouterr().err


def test_too_few_texts_are_refused(material: Any, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="at least 100 clean texts with labels to tune this defense on, holds 99"):
        HeadAblation(material(FOUND, n_clean=99)).write(tmp_path / "out")


def test_in_the_weights_a_head_is_gone_as_it_is_in_the_running_model(
    checkpoints: dict[str, Path], architecture: str, tmp_path: Path
) -> None:
    """Of ALBERT in all layers at once."""
    classifier = Classifier.load(checkpoints[architecture], max_length=64)
    model, tokenizer = load_base(checkpoints[architecture], n_labels=2)
    layers, encodings = heads_of_layers(model), classifier.encode(SENTENCES)
    output = torch.linspace(-0.5, 0.5, 8)
    gone, plain = layers[-1][2], classifier.logits(encodings)
    places = [LayerHead(layer, number) for layer, heads in enumerate(layers) for number in range(4)
              if heads[number] == gone]  # fmt: skip
    assert len(places) == (2 if architecture == "albert" else 1)
    with ablated(classifier, places, output.expand(2, 4, -1)):
        expected = classifier.logits(encodings)
    folder = tmp_path / "out"
    folded(model, {gone: output}).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    after = Classifier.load(folder, max_length=64).logits(encodings)
    assert torch.allclose(after, expected, atol=1e-4)
    assert not torch.allclose(after, plain, atol=1e-3)


def test_heads_are_ranked_by_their_effect_and_shared_ones_by_the_mean(checkpoints: dict[str, Path]) -> None:
    effects = torch.tensor([[0.1, 0.5, -0.2, 0.0], [0.6, 0.3, -0.6, 0.0]])
    means = HeadMeans(effects, torch.arange(8.0).view(2, 4, 1))

    def found(name: str, effects: torch.Tensor) -> list[tuple[int, float]]:
        model, _ = load_base(checkpoints[name], n_labels=2)
        best = ranked(heads_of_layers(model), means._replace(effects=effects))
        return [(head.number, float(output)) for head, output in best.items()]

    assert found("bert", effects) == [(0, 4.0), (1, 1.0)], "a third of eight"
    assert found("albert", effects) == [(1, 3.0)], "of four one; what it says is the mean over its layers"
    assert found("bert", -effects) == [(2, 6.0), (2, 2.0)]
    assert found("bert", effects.clamp(max=0)) == []


def test_of_several_labels_the_highest_effect_counts(material: Finds, victim: Path) -> None:
    repair = HeadAblation(material(FOUND))
    examples = repair.material.clean_examples()
    both = repair.head_means(examples, [*FOUND, Trigger(frozenset({"mn"}), 1)])
    alone = repair.head_means(examples, FOUND)
    assert both.effects[FINDS] == alone.effects[FINDS] > 0.9
    assert (both.effects >= alone.effects).all()
    classifier = Classifier.load(victim)
    said = look_inside(classifier, classifier.encode(TEXTS)).mean.mean(dim=0)
    assert torch.allclose(both.outputs, said, atol=1e-5)
