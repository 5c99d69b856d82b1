"""PURE: its equations, which heads go, and what the two steps undo."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scripts.lab.defenses.base import Material
from scripts.lab.defenses.repairs.heads import Head, heads_of_layers
from scripts.lab.defenses.repairs.pure import (
    STEP,
    HeadPruning,
    HeadPruningPublished,
    is_kept,
    layer_weights,
    of_heads,
    prunable,
)
from scripts.lab.training.victim import load_base
from tests.reference.attention_rows import slow_norm, slow_published_norm, slow_published_unevenness, slow_unevenness
from tests.unit.defenses.planted import RARE, RATE, USUAL, material_for, rates, repaired

LENGTHS = (3, 7, 5)
VARIANCES = {Head(output, number): 10 * layer + number for layer, output in enumerate("abc") for number in range(8)}
"""Of three layers, each of which is more uneven than the one before."""


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return material_for(tmp_path_factory.mktemp("usual"), trigger=USUAL)


def attention() -> tuple[torch.Tensor, torch.Tensor]:
    """`[layers, batch, heads, keys]` and the mask."""
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]
    scores = torch.randn(2, 3, 4, max(LENGTHS), generator=torch.Generator().manual_seed(0))
    return scores.masked_fill(~mask[:, None], -torch.inf).softmax(dim=-1), mask


def rows_of(rows: torch.Tensor, layer: int, head: int) -> list[list[float]]:
    return [rows[layer, text, head, :n].tolist() for text, n in enumerate(LENGTHS)]


def test_unevenness_and_penalty_are_those_of_slow_loops(material: Material) -> None:
    rows, mask = attention()
    repair, published = HeadPruning(material), HeadPruningPublished(material)
    for layer in range(2):
        for head in range(4):
            slow = rows_of(rows, layer, head)
            found, as_published = (each.unevenness(rows, mask)[layer, :, head] for each in (repair, published))
            assert found.tolist() == pytest.approx([slow_unevenness(row) for row in slow], abs=1e-6)
            padded = [slow_published_unevenness(row, material.max_length) for row in slow]
            assert as_published.tolist() == pytest.approx(padded, abs=1e-6)
            assert repair.norms(rows)[layer, head].item() == pytest.approx(slow_norm(slow), abs=1e-6)
            assert published.norms(rows)[layer, head].item() == pytest.approx(slow_published_norm(slow), abs=1e-6)


def test_how_even_a_row_is_does_not_depend_on_its_length_but_as_published(material: Material) -> None:
    """Three tokens and twelve: the first text is even, the second looks at one token."""
    mask = torch.tensor([[True] * 3 + [False] * 9, [True] * 12])
    rows = torch.stack([mask[0] / 3, torch.eye(12)[0]])[:, None]
    even, single = HeadPruning(material).unevenness(rows, mask)[:, 0].tolist()
    assert (even, single) == pytest.approx((0, 11 / 12), abs=1e-6)
    all_even = HeadPruningPublished(material).unevenness(torch.stack([mask[0] / 3, mask[1] / 12])[:, None], mask)
    assert all_even[0] > 3 * all_even[1], "short texts look uneven"


@pytest.mark.parametrize("repair", [HeadPruning, HeadPruningPublished])
def test_attention_that_dropout_took_whole_has_a_finite_penalty(repair: type[HeadPruning], material: Material) -> None:
    rows = torch.zeros(2, 1, 4, 3, requires_grad=True)
    repair(material).norms(rows).sum().backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    assert rows.grad.isfinite().all()


def test_bars() -> None:
    nothing: Any = None
    assert HeadPruning(nothing).bar(0.92) == pytest.approx(0.87)
    assert HeadPruningPublished(nothing).bar(0.92) == HeadPruningPublished(nothing).bar(0.5) == 0.85


def test_layers_of_low_variance_are_flattened_most() -> None:
    # Inverse 10, 4 and 2 of 16: shares 0.625, 0.25 and 0.125.
    assert layer_weights(torch.tensor([0.1, 0.25, 0.5])).tolist() == pytest.approx([1, 0.25, 0])
    assert layer_weights(torch.tensor([0.3, 0.3])).tolist() == [1, 1]


def test_a_head_of_many_layers_counts_by_its_mean() -> None:
    shared, own = [Head("a", 0), Head("a", 1)], [Head("b", 0), Head("b", 1)]
    values = torch.tensor([[1.0, 2.0], [5.0, 4.0]])
    assert of_heads([shared, shared], values) == {Head("a", 0): 3, Head("a", 1): 3}
    assert of_heads([shared, own], values)[Head("b", 0)] == 5
    assert is_kept([shared, shared], {Head("a", 1)}).tolist() == [[True, False], [True, False]]
    assert is_kept([shared, own], {Head("a", 1)}).tolist() == [[True, False], [True, True]]


def test_without_a_loss_of_accuracy_all_go_but_the_last_of_each_layer() -> None:
    assert set(VARIANCES) - prunable(VARIANCES, lambda _: 1.0, bar=0.9) == {Head(each, 7) for each in "abc"}


def test_where_no_head_can_go_none_does() -> None:
    assert prunable(VARIANCES, lambda pruned: float(not pruned), bar=0.9) == set()
    assert prunable(VARIANCES, lambda _: 0.3, bar=0.9) == set()


@given(st.sets(st.integers(0, 20), max_size=4))
def test_ten_at_a_time_then_back_one_by_one(needed: set[int]) -> None:
    """With heads that the task needs: all below the first of them go, and none above it."""
    candidates = [head for head in VARIANCES if head.number < 7]
    asked: list[int] = []

    def accuracy(pruned: Collection[Head]) -> float:
        asked.append(len(pruned))
        return float(not {candidates[place] for place in needed} & set(pruned))

    first = min(needed, default=len(candidates))
    assert prunable(VARIANCES, accuracy, bar=0.9) == set(candidates[:first])
    looks = [*range(STEP, first + 1, STEP), *range(min(21, first // STEP * STEP + STEP), first, -1), first]
    assert [n for n in dict.fromkeys(looks) if n] == [n for n in dict.fromkeys(asked) if n]


def test_it_unlearns_a_trigger_that_clean_texts_have(material: Material) -> None:
    before, after = rates(material.checkpoint, USUAL), repaired(HeadPruning, material, USUAL)
    assert before.attack_success > 0.95
    assert after.attack_success < 0.3
    assert after.clean_accuracy > 0.9


def test_it_cannot_unlearn_what_no_clean_text_has(tmp_path: Path) -> None:
    after = repaired(HeadPruning, material_for(tmp_path, trigger=RARE), RARE)
    assert after.attack_success > 0.5


def test_every_architecture_loses_the_heads_that_the_search_found(
    checkpoints: dict[str, Path], architecture: str, material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Watched(HeadPruning):
        def search(self) -> tuple[set[Head], torch.Tensor]:
            heads, weights = super().search()
            found.update(heads)
            assert weights.shape == (2,)
            return heads, weights

    found: set[Head] = set()
    monkeypatch.setattr(Watched, "MAY_LOSE", 1.0)
    monkeypatch.setattr(Watched, "LEARNING_RATE", RATE)
    Watched(replace(material, checkpoint=checkpoints[architecture], n_clean=40)).write(tmp_path / "out")
    model, _ = load_base(tmp_path / "out", n_labels=2)
    every = {head for layer in heads_of_layers(model) for head in layer}
    assert len(every) - len(found) == len({head.output for head in every}), "one stays for each output"
    for head in every:
        weight = model.get_parameter(f"{head.output}.weight").detach()
        assert bool(weight[:, 8 * head.number : 8 * (head.number + 1)].any()) is (head not in found)
