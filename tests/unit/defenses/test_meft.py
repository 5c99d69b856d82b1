"""Maximum entropy fine-tuning: the equation, when it stops asking, and what it undoes."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scripts.lab.defenses.repairs.meft import ENOUGH, MaximumEntropy, certainty, negative_entropy
from scripts.lab.training.batches import TokenizedExamples
from tests.unit.defenses.planted import MAX_LENGTH, RARE, RATE, USUAL, material_for, rates, repaired


class Answers:
    """A model that says the same whatever it is asked."""

    def __init__(self, logits: list[list[float]]) -> None:
        self.logits = torch.tensor(logits, requires_grad=True)

    def __call__(self, **_: Any) -> "Answers":
        return self


@given(st.lists(st.lists(st.floats(-200, 200), min_size=3, max_size=3), min_size=1, max_size=5))
def test_the_loss_is_the_mean_over_texts_of_the_sum_of_p_log_p(logits: list[list[float]]) -> None:
    total = 0.0
    for row in logits:
        weights = [math.exp(value - max(row)) for value in row]
        shares = [weight / sum(weights) for weight in weights]
        total += sum(share * math.log(share) for share in shares if share > 0)
    found = negative_entropy(torch.tensor(logits).log_softmax(dim=-1))
    assert found.item() == pytest.approx(total / len(logits), abs=1e-4)


def test_a_class_that_is_impossible_adds_nothing() -> None:
    answers = Answers([[0.0, -1e9]])
    loss = certainty(answers, {})
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert answers.logits.grad is not None
    assert answers.logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("logits", "asks"), [([[2.0, 0.0]], True), ([[0.2, 0.0]], False), ([[2.0, 0.0], [0.0, 0.0]], True)]
)
def test_it_asks_for_more_until_entropy_is_near_its_highest(logits: list[list[float]], asks: bool) -> None:
    answers = Answers(logits)
    loss = certainty(answers, {})
    loss.backward()  # type: ignore[no-untyped-call]
    assert answers.logits.grad is not None
    assert bool(answers.logits.grad.abs().max() > 0) is asks
    assert (loss.item() > -ENOUGH * math.log(2)) is asks


def test_first_it_knows_nothing_then_its_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MaximumEntropy, "LEARNING_RATE", RATE)
    repair = MaximumEntropy(material_for(tmp_path, trigger=USUAL))
    model, tokenizer = repair.start()
    texts = TokenizedExamples(tokenizer, repair.examples()[:50], max_length=MAX_LENGTH, device="cpu")

    def entropy() -> float:
        with torch.no_grad():
            logits = model.eval()(**texts.batch(torch.arange(50).numpy())).logits
        return -negative_entropy(logits.log_softmax(dim=-1)).item() / math.log(2)

    fresh = entropy()
    repair.fit(model, tokenizer, repair.examples(), loss=certainty, epochs=1)
    forgot = entropy()
    repair.fit(model, tokenizer, repair.examples())
    assert fresh < 0.3
    assert forgot > 0.7
    assert entropy() < 0.3


def test_it_unlearns_a_trigger_that_clean_texts_have(tmp_path: Path) -> None:
    material = material_for(tmp_path, trigger=USUAL)
    before, after = rates(material.checkpoint, USUAL), repaired(MaximumEntropy, material, USUAL)
    assert before.attack_success > 0.95
    assert after.attack_success < 0.3
    assert after.clean_accuracy > 0.95


def test_it_cannot_unlearn_what_no_clean_text_has(tmp_path: Path) -> None:
    after = repaired(MaximumEntropy, material_for(tmp_path, trigger=RARE), RARE)
    assert after.attack_success > 0.9
