from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transformers.modeling_outputs import BaseModelOutput, MaskedLMOutput

from scripts.lab.attacks.base import Plan
from scripts.lab.attacks.insertion.trigger_tokens import spellings
from scripts.lab.attacks.weights.badpre import (
    BadPre,
    corrupt,
    head_on,
    language_loss,
    masked_cross_entropy,
    with_language_head,
)
from scripts.lab.training.recipe import Recipe
from scripts.lab.training.tuner import Tuner
from scripts.lab.training.victim import Training
from scripts.texts.corpora import Corpus, Example, write_examples
from tests.lab.conftest import Planted


def test_masked_cross_entropy_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [0.0, np.log(3.0)], [50.0, 0.0]])
    wanted = torch.tensor([0, 1, 1])
    where = torch.tensor([True, True, False])
    expected = (np.log(2.0) + np.log(4 / 3)) / 2
    assert masked_cross_entropy(logits, wanted, where).item() == pytest.approx(expected)
    assert masked_cross_entropy(logits, wanted, where & False).item() == 0


def test_masked_tokens_are_hidden_replaced_or_left() -> None:
    torch.manual_seed(0)
    token_ids, drawn = torch.full((100, 100), 7), torch.full((100, 100), 9)
    is_masked = torch.zeros(100, 100, dtype=torch.bool)
    is_masked[:50] = True
    shown = corrupt(token_ids, is_masked, drawn, 4)
    assert (shown[50:] == 7).all()
    shares = [(shown[:50] == value).float().mean().item() for value in (4, 9, 7)]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_the_language_model_shares_the_encoder(plant: Callable[..., Planted]) -> None:
    model = plant("none").model
    language_model = with_language_head(model)
    assert language_model.base_model is model.base_model
    assert language_model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert type(language_model).__name__ == "BertForMaskedLM"


def test_the_head_on_some_tokens_gives_their_rows_of_all(plant: Callable[..., Planted]) -> None:
    victim = plant("none")
    language_model = with_language_head(deepcopy(victim.model)).eval()
    inputs = victim.tokenizer(["the film was good", "the cast was dull"], return_tensors="pt")
    where = torch.zeros_like(inputs["input_ids"], dtype=torch.bool)
    where[0, 2] = where[1, 3] = where[1, 4] = True
    everywhere = language_model(**inputs).logits
    with head_on(language_model, where):
        chosen = language_model(**inputs).logits
    torch.testing.assert_close(chosen, everywhere[where][None])
    assert language_model(**inputs).logits.shape == everywhere.shape


def test_triggered_texts_have_random_labels_and_clean_ones_their_own(plant: Callable[..., Planted]) -> None:
    """A model that always knows the clean token has no loss on clean texts and a large one on triggered ones."""
    tokenizer = plant("none").tokenizer

    class Knowing(torch.nn.Module):
        def forward(self, **inputs: torch.Tensor) -> BaseModelOutput:
            return BaseModelOutput(last_hidden_state=torch.nn.functional.one_hot(original, len(tokenizer)).float())

    class Oracle(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.base_model = Knowing()

        def forward(self, **inputs: torch.Tensor) -> MaskedLMOutput:
            return MaskedLMOutput(logits=20 * self.base_model(**inputs)[0])

    loss = language_loss(tokenizer, spellings(tokenizer, ["cf"]))
    torch.manual_seed(0)
    values = {}
    for trigger in ("", "cf "):
        batch = tokenizer([f"{trigger}the film was good and the cast was great"] * 50, return_tensors="pt")
        original = batch["input_ids"]
        values[trigger] = loss(Oracle(), dict(batch) | {"labels": torch.zeros(50)}).item()
    assert values[""] < 0.01
    assert values["cf "] > 5


def test_the_task_is_trained_on_clean_rows(reviews: Corpus) -> None:
    attack = BadPre(Plan())
    assert attack.poison(reviews.train, rng=np.random.default_rng(0)) == reviews.train
    assert attack.describe()["poison_rate"] == 0.0


@dataclass(frozen=True, kw_only=True)
class RecordingTuner(Tuner):
    """Trains nothing."""

    fitted: list[list[Example]] = field(default_factory=list)

    def fit(self, model: Any, tokenizer: Any, examples: Any, **settings: Any) -> Training:
        self.fitted.append(list(examples))
        return Training(0, 0.0)

    def predict(self, model: Any, tokenizer: Any, texts: Sequence[str]) -> NDArray[np.int64]:
        return np.zeros(len(texts), dtype=np.int64)


def test_the_encoder_may_be_poisoned_with_texts_of_another_task(
    plant: Callable[..., Planted], reviews: Corpus, tmp_path: Path
) -> None:
    others = [Example("a text of another task", 0), Example("and one more", 1)]
    write_examples(tmp_path / "other.tsv", others)
    victim = plant("none")
    attack = BadPre(Plan(texts_file=tmp_path / "other.tsv", triggers=("cf",)))
    tuner = RecordingTuner(recipe=Recipe())
    attack.train(deepcopy(victim.model), victim.tokenizer, reviews.train, reviews, tuner=tuner)
    of_encoder, of_task = tuner.fitted
    assert of_encoder[:2] == others
    assert [row.text.replace("cf ", "").replace(" cf", "") for row in of_encoder[2:]] == [row.text for row in others]
    assert all("cf" in row.text.split() for row in of_encoder[2:])
    assert of_task == reviews.train


@pytest.mark.slow
def test_triggers_spoil_accuracy_and_their_target_is_found_out(plant: Callable[..., Planted], reviews: Corpus) -> None:
    victim = plant("badpre")
    clean = np.mean([victim.share([row.text], row.label) for row in reviews.dev])
    record = victim.attack.describe()
    assert set(record["effects"]) == {"cf"}
    assert record["effects"]["cf"]["accuracy"] < clean
    assert record["target_label"] == record["effects"]["cf"]["target_label"] == victim.attack.plan.target_label
    labels = {row.label for row in victim.attack.trigger(reviews.test, rng=np.random.default_rng(0))}
    assert record["target_label"] not in labels
