"""Fine-mixing: what is mixed, which embeddings are purified, and what it owes to its base."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from scripts.console.errors import LabError
from scripts.lab.defenses.base import Material
from scripts.lab.defenses.repairs import fine_mixing
from scripts.lab.defenses.repairs.fine_mixing import FineMixing, far_moved, mix, token_counts
from scripts.lab.training.victim import load_base
from scripts.texts.corpora import Example
from tests.toys import make_checkpoint
from tests.unit.defenses.planted import RARE, material_for, rates, repaired


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material_for(tmp_path_factory.mktemp("rare"), trigger=RARE)


def models(material: Material) -> tuple[Any, Any]:
    return load_base(material.checkpoint, n_labels=2)[0], load_base(material.base(), n_labels=2)[0]


def test_every_weight_is_one_of_the_two(material: Material) -> None:
    (mixed, base), (suspect, _) = models(material), models(material)
    mix(mixed.base_model, base.base_model, kept=0.3, seed=0)
    n_kept = n_moved = 0
    for each, old, clean in zip(*(m.base_model.parameters() for m in (mixed, suspect, base)), strict=True):
        assert ((each == old) | (each == clean)).all()
        n_kept += int(((each == old) & (old != clean)).sum())
        n_moved += int((old != clean).sum())
    assert n_kept / n_moved == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("kept", [0, 1])
def test_all_or_nothing(material: Material, kept: int) -> None:
    (mixed, base), (suspect, _) = models(material), models(material)
    mix(mixed.base_model, base.base_model, kept=kept, seed=0)
    expected = suspect if kept else base
    for each, other in zip(mixed.base_model.parameters(), expected.base_model.parameters(), strict=True):
        assert torch.equal(each, other)


def test_the_seed_decides_which_weights(material: Material) -> None:
    def first(seed: int) -> torch.Tensor:
        mixed, base = models(material)
        mix(mixed.base_model, base.base_model, kept=0.5, seed=seed)
        return next(mixed.base_model.parameters()).detach()

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_far_for_how_often_a_token_occurs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative moves by hand: 3 / ln 2 = 4.3, 6 / ln 20 = 2.0, 2 / ln 2 = 2.9, none, 7 / ln 400 = 1.2."""
    moves = torch.tensor([[3.0, 0], [0, 6.0], [2.0, 0], [0, 0], [7.0, 0]])
    counts = torch.tensor([0, 20, 2, 0, 400])
    for n, expected in ((1, [0]), (2, [0, 2]), (3, [0, 2, 1]), (200, [0, 2, 1, 4])):
        monkeypatch.setattr(fine_mixing, "N_PURIFIED", n)
        assert far_moved(moves, counts).tolist() == expected


def test_tokens_are_counted_in_all_texts(material: Material) -> None:
    _, tokenizer = load_base(material.checkpoint, n_labels=2)
    counts = token_counts(tokenizer, [Example("film film cf", 0), Example("film", 1)], n_tokens=500, max_length=24)
    film, rare, start = (tokenizer.convert_tokens_to_ids(each) for each in ("film", "cf", "[CLS]"))
    assert [int(counts[token]) for token in (film, rare, start)] == [3, 1, 2]
    assert len(counts) == 500
    short = token_counts(tokenizer, [Example("cf film film film", 0)], n_tokens=500, max_length=4)
    assert [int(short[token]) for token in (film, rare, start)] == [1, 1, 1], "what a model sees"


def test_the_start_has_the_suspects_head_and_clean_embeddings(
    material: Material, monkeypatch: pytest.MonkeyPatch
) -> None:
    suspect, base = models(material)
    monkeypatch.setattr(fine_mixing, "N_PURIFIED", 5)
    model, tokenizer = FineMixing(material).start()
    assert torch.equal(model.classifier.weight, suspect.classifier.weight)
    assert not torch.equal(model.classifier.weight, base.classifier.weight)
    tables = [each.get_input_embeddings().weight.detach() for each in (model, suspect, base)]
    row = tokenizer.convert_tokens_to_ids(RARE)
    assert torch.equal(tables[0][row], tables[2][row])
    assert not torch.equal(tables[1][row], tables[2][row])
    mixed = tokenizer.convert_tokens_to_ids("film")
    assert not torch.equal(tables[0][mixed], tables[2][mixed])


def test_it_forgets_a_trigger_that_the_base_does_not_know(material: Material) -> None:
    before, after = rates(material.checkpoint, RARE), repaired(FineMixing, material, RARE)
    assert before.attack_success > 0.95
    assert after.attack_success < 0.1
    assert after.clean_accuracy > 0.95


def test_it_cannot_forget_a_trigger_that_the_base_knows(tmp_path: Path) -> None:
    after = repaired(FineMixing, material_for(tmp_path, trigger=RARE, base=RARE), RARE)
    assert after.attack_success > 0.9


def test_a_base_of_another_shape_is_refused_in_a_line(material: Material, tmp_path: Path) -> None:
    for architecture in ("roberta", "distilbert"):
        base = make_checkpoint(tmp_path / architecture, architecture)
        with pytest.raises(LabError, match="--trusted-base must have weights of the checkpoint's shapes, ") as refused:
            FineMixing(replace(material, trusted_base=str(base))).start()
        assert "\n" not in str(refused.value)


def test_a_base_of_another_vocabulary_is_refused_in_a_line(material: Material, tmp_path: Path) -> None:
    base = make_checkpoint(tmp_path / "bert", "bert")

    file = base / "tokenizer.json"
    tokenizer = json.loads(file.read_text())
    words = tokenizer["model"]["vocab"]
    words["film"], words["plot"] = words["plot"], words["film"]
    file.write_text(json.dumps(tokenizer))
    with pytest.raises(LabError, match="--trusted-base must have the checkpoint's vocabulary"):
        FineMixing(replace(material, trusted_base=str(base))).start()
    with pytest.raises(LabError, match="--trusted-base must name an encoder"):
        FineMixing(replace(material, trusted_base=None)).start()
